"""Daily sums of drift windows, so that a chart of a month reads thirty rows."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import reduce

from monitoring.drift.models import WINDOWS_KEPT, DriftDay, DriftWindow
from sketches.sketch import merge

ONE_DAY = timedelta(days=1)


def add_up(deployment_id: int, baselines: Collection[int], start: datetime, end: datetime, now: datetime) -> None:
    """Recompute the days of ``[start, end)``. Call it in the transaction that changes their windows."""
    first = _midnight(start)
    last = (end - timedelta(microseconds=1)).astimezone(UTC).date()
    known = DriftWindow.objects.filter(deployment=deployment_id, baseline__in=baselines)
    of_days: dict[tuple[int, int, datetime], list[DriftWindow]] = {}
    for window in known.filter(start__gte=first, start__lt=datetime.combine(last, first.timetz()) + ONE_DAY):
        of_days.setdefault((window.version_id, window.baseline_id, _midnight(window.start)), []).append(window)
    old = DriftDay.objects.filter(deployment=deployment_id, baseline__in=baselines)
    old.filter(date__gte=first.date(), date__lte=last).delete()
    DriftDay.objects.bulk_create(
        DriftDay(
            deployment_id=deployment_id,
            version_id=version_id,
            baseline_id=baseline_id,
            date=day.date(),
            rows=sum(window.rows for window in windows),
            packed=DriftDay.pack(reduce(merge, (window.sketch for window in windows))),
            computed_at=now,
        )
        for (version_id, baseline_id, day), windows in of_days.items()
    )


def counted_in(deployment_id: int, version_id: int, start: datetime, end: datetime) -> list[DriftWindow | DriftDay]:
    """The counts of ``[start, end)``, unordered: whole days, and hours at both ends. Two queries."""
    first, last = _midnight(start - timedelta(microseconds=1)) + ONE_DAY, _midnight(end)
    windows = DriftWindow.objects.filter(deployment=deployment_id, version=version_id, start__gte=start, start__lt=end)
    if first >= last:
        return list(windows)
    days = DriftDay.objects.filter(deployment=deployment_id, version=version_id)
    whole = days.filter(date__gte=first.date(), date__lt=last.date())
    return [*whole, *windows.exclude(start__gte=first, start__lt=last)]


def _midnight(moment: datetime) -> datetime:
    """The start of the UTC day of ``moment``."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def forget_old(now: datetime) -> int:
    """Delete windows older than WINDOWS_KEPT and return their number. Their days are kept."""
    return DriftWindow.objects.filter(start__lt=now - WINDOWS_KEPT).delete()[0]
