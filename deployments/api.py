"""API of the deployments."""

from __future__ import annotations

routes: list[tuple[str, type, str]] = []
