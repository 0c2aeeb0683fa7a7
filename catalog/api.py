"""API of the catalog."""

from __future__ import annotations

routes: list[tuple[str, type, str]] = []
