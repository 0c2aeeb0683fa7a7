"""How long rows are kept: one table over all apps."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from monitoring.drift.models import WINDOWS_KEPT, DriftWindow
from monitoring.health.models import KEPT, HealthBucket
from web.idempotency import IdempotencyKey


@dataclass(frozen=True)
class Retention:
    """Rows of ``model`` are deleted once the time in their column ``since`` is more than ``age`` ago."""

    model: type[Model]
    since: str
    age: timedelta
    #: Only rows that match these conditions.
    where: dict[str, Any] = field(default_factory=dict)


TABLE = (
    *(Retention(HealthBucket, "start", age, {"width": width}) for width, age in KEPT.items()),
    # The days of drift that were added up from them stay.
    Retention(DriftWindow, "start", WINDOWS_KEPT),
    Retention(IdempotencyKey, "created_at", IdempotencyKey.KEPT_FOR),
)


def forget_old(now: datetime) -> int:
    """Delete every row that is older than the table allows. Returns how many were deleted."""
    deleted = 0
    for row in TABLE:
        known = row.model._default_manager.filter(**row.where, **{f"{row.since}__lt": now - row.age})
        deleted += known.delete()[0]
    return deleted
