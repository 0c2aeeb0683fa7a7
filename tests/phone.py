"""What browser tests ask of a page on a phone."""

from __future__ import annotations

from playwright.sync_api import ViewportSize

PHONE: ViewportSize = {"width": 390, "height": 844}

OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
