"""Compares the estimated cost of a run with the billed cost after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from deployments.models import Deployment, Run, StageRecord
from deployments.runs.statuses import GOOD, RunStatus
from monitoring.cost.costing import ZERO, Spent, per_month, spent_rows
from monitoring.cost.models import CostDayQuerySet, CostKind

RUNS_SHOWN = 10
#: With fewer days, the billed cost may not be representative of a month.
CERTAIN_AFTER_DAYS = 30


@dataclass(frozen=True)
class EstimateCheck:
    """The estimated and the billed cost of a month."""

    run: Run
    #: The estimate is ``low`` to ``high``. Both are None without an estimate in this currency.
    low: Decimal | None
    high: Decimal | None
    #: The billed cost, scaled to a month; None before the first whole day.
    actual: Decimal | None
    #: Number of whole days that were billed.
    days: int

    @property
    def error_percent(self) -> Decimal | None:
        """Distance of the billed cost from the nearer end of the estimate, in percent; 0 within it."""
        if self.actual is None or self.low is None or self.high is None:
            return None
        if self.low <= self.actual <= self.high:
            return Decimal(0)
        end = self.high if self.actual > self.high else self.low
        return (self.actual - end) * 100 / end if end else None

    @property
    def is_preliminary(self) -> bool:
        return self.days < CERTAIN_AFTER_DAYS


def estimate_checks(
    deployment: Deployment, visible: CostDayQuerySet, last_complete: date | None, currency: str
) -> list[EstimateCheck]:
    """The newest successful runs, each compared with the costs until the next one. Three queries."""
    good = Run.objects.filter(deployment=deployment, status__in=GOOD, finished_at__isnull=False).exclude(
        status=RunStatus.NO_CHANGE
    )
    runs = list(good.order_by("-finished_at", "-pk")[:RUNS_SHOWN])
    if not runs:
        return []
    records = StageRecord.objects.filter(run__in=runs, stage=RunStatus.COST).order_by("pk")
    estimates: dict[int, Any] = {record.run_id: record.detail.get("estimate") for record in records}
    # Estimates cover the endpoint, not the monitoring jobs.
    endpoint = visible.exclude(kind=CostKind.MONITORING_JOB)
    rows = spent_rows(endpoint, _day(runs[-1]), last_complete, currency) if last_complete else []
    before_next = [min(_day(run) - timedelta(days=1), last_complete) if last_complete else None for run in runs]
    ends = [last_complete, *before_next]
    return [_check(run, end, rows, estimates.get(run.pk), currency) for run, end in zip(runs, ends, strict=False)]


def _day(run: Run) -> date:
    assert run.finished_at is not None  # asked for
    return run.finished_at.astimezone(UTC).date()


def _check(run: Run, end: date | None, rows: Sequence[Spent], told: Any, currency: str) -> EstimateCheck:
    """The day on which the run ended is left out, because it has costs from before and after the run."""
    first = _day(run) + timedelta(days=1)
    days = max(0, (end - first).days + 1) if end else 0
    total = sum((row.cost for row in rows if end and first <= row.day <= end), ZERO)
    low, high = _range(told, currency)
    return EstimateCheck(run, low, high, per_month(total, days) if days else None, days)


def _range(told: Any, currency: str) -> tuple[Decimal | None, Decimal | None]:
    if not isinstance(told, Mapping) or told.get("currency") != currency:
        return None, None
    try:
        low, high = Decimal(str(told.get("low"))), Decimal(str(told.get("high")))
    except InvalidOperation:
        return None, None
    return (low, high) if low.is_finite() and high.is_finite() else (None, None)
