"""Writes the row of a deployment that the fleet shows. Each subject writes its own columns."""

from __future__ import annotations

from typing import Any

from monitoring.watched.models import Watch


def note(deployment_id: int, **fields: Any) -> None:
    """Store ``fields`` in the deployment's ``Watch``. Other columns are unchanged."""
    Watch.objects.update_or_create(deployment_id=deployment_id, defaults=fields)
