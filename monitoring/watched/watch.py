"""The one row of a deployment that the fleet shows: each writer keeps to its own columns."""

from __future__ import annotations

from typing import Any

from monitoring.watched.models import Watch


def note(deployment_id: int, **fields: Any) -> None:
    """Keep ``fields`` of the deployment's ``Watch``. Those of other writers stay as they are."""
    Watch.objects.update_or_create(deployment_id=deployment_id, defaults=fields)
