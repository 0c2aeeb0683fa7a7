"""API of health, drift, cost and alerts."""

from __future__ import annotations

routes: list[tuple[str, type, str]] = []
