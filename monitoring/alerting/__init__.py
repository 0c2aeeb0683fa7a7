"""Telling people that something has changed, once."""

from __future__ import annotations

from monitoring.alerting.reporting import report

__all__ = ["report"]
