"""What is kept of health, drift, cost, alerts and the lake."""

from __future__ import annotations

__all__: list[str] = []
