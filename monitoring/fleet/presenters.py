"""Rows of the fleet for the page and its CSV, which share one list of cells per lens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import reverse

from deployments.configuration.models import check_of
from deployments.models import Deployment, RolloutStep, Run
from deployments.runs.statuses import UNFINISHED
from monitoring.cost.presenters import CostRow, money, percent
from monitoring.fleet.listing import STATUSES, Lens, Status
from monitoring.fleet.standing import cost_now, drift_now, health_reason, quality_now, watch_of
from monitoring.health.judging import WEEK_DAYS
from monitoring.health.models import HealthSource
from monitoring.watched.models import Watch
from monitoring.watched.states import TONES, Standing

DASH = "\N{EN DASH}"
BUDGETS = {
    Standing.PASSING: "Within budget",
    Standing.AT_RISK: "Nearly exhausted",
    Standing.FAILING: "Exhausted",
    Standing.UNKNOWN: "Unknown",
}
BAR_WIDTH, BAR_GAP, BARS_HEIGHT = 9, 2, 24


@dataclass(frozen=True)
class Bar:
    x: int
    y: float
    #: 0 for a day without metrics, which is drawn as a gap.
    height: float


@dataclass(frozen=True)
class Week:
    """Requests of the last seven UTC days, oldest first. Each row has its own scale."""

    bars: list[Bar]
    label: str

    @property
    def path(self) -> str:
        """The bars of days with metrics, as one SVG path."""
        return " ".join(
            f"M{bar.x} {bar.y:g}h{BAR_WIDTH}V{BARS_HEIGHT}h-{BAR_WIDTH}z" for bar in self.bars if bar.height
        )

    @property
    def gaps(self) -> str:
        """A low mark for each day without metrics, as one SVG path."""
        top = BARS_HEIGHT - 3
        return " ".join(f"M{bar.x} {top}h{BAR_WIDTH}v3h-{BAR_WIDTH}z" for bar in self.bars if not bar.height)

    @property
    def view_box(self) -> str:
        return f"0 0 {WEEK_DAYS * (BAR_WIDTH + BAR_GAP)} {BARS_HEIGHT}"


@dataclass(frozen=True)
class Cell:
    """``value`` is for CSV. The page shows ``text``, ``at`` or ``week``."""

    value: object
    text: str = ""
    tone: str = ""
    note: str = ""
    url: str = ""
    at: datetime | None = None
    week: Week | None = None


@dataclass(frozen=True)
class Column:
    key: str
    label: str
    #: A key of the filter's ORDERINGS; "" if the column is not sortable.
    ordering: str = ""
    align: str = "start"


@dataclass(frozen=True)
class Tile:
    status: Status | None
    count: int

    @property
    def label(self) -> str:
        return self.status.label if self.status else "All"

    @property
    def value(self) -> str:
        return self.status.value if self.status else ""


@dataclass(frozen=True)
class Row:
    deployment: Deployment
    #: Each column of the lens with its cell.
    shown: list[tuple[Column, Cell]]


@dataclass(frozen=True)
class Facts:
    """Related data of the rows. Data that the lens does not show is left empty."""

    lens: Lens
    now: datetime
    currency: str = ""
    costs: Mapping[int, CostRow] = field(default_factory=dict)
    steps: Mapping[int, RolloutStep] = field(default_factory=dict)


COLUMNS: dict[Lens, tuple[Column, ...]] = {
    Lens.HEALTH: (
        Column("health", "Health", "status"),
        Column("drift", "Drift"),
        Column("quality", "Quality"),
        Column("week", "7 days (UTC)"),
        Column("requests_24h", "Requests, 24\N{NO-BREAK SPACE}h", "requests", "end"),
        Column("errors_24h", "Errors", "", "end"),
        Column("p99_ms", "p99", "p99", "end"),
        Column("last_request", "Last request", "last_request"),
    ),
    Lens.GOVERNANCE: (
        Column("configuration", "Configuration", "status"),
        Column("owner", "Owner", "owner"),
        Column("risk", "Risk"),
        Column("version", "Live version"),
        Column("approval", "Approval"),
        Column("created_at", "Deployed since", "created"),
    ),
    Lens.COST: (
        Column("billed", "Billing", "status"),
        Column("cost", "Month to date", "", "end"),
        Column("change_percent", "Change", "", "end"),
        Column("forecast", "Forecast", "", "end"),
        Column("per_1000", "Per 1,000", "", "end"),
        Column("idle_share", "Idle", "", "end"),
        Column("budget", "Budget"),
        Column("requests_24h", "Requests, 24\N{NO-BREAK SPACE}h", "requests", "end"),
    ),
    Lens.ROLLOUT: (
        Column("run", "Newest run", "status"),
        Column("version", "Live version"),
        Column("wanted", "Requested version"),
        Column("traffic", "Traffic"),
        Column("step", "Step"),
        Column("since", "Status since"),
    ),
}


def tiles(lens: Lens, counts: Mapping[str, int]) -> list[Tile]:
    """A tile for all rows, then one for each status of the lens."""
    return [Tile(None, sum(counts.values())), *(Tile(one, counts.get(one.value, 0)) for one in STATUSES[lens])]


def rows_of(deployments: Iterable[Deployment], facts: Facts) -> list[Row]:
    """Rows for deployments of ``listing.fleet``. No query."""
    cells = CELLS[facts.lens]
    columns = COLUMNS[facts.lens]
    return [Row(one, list(zip(columns, cells(one, facts), strict=True))) for one in deployments]


def status_cell(deployment: Deployment, lens: Lens, text: str = "", note: str = "", url: str = "") -> Cell:
    value = str(getattr(deployment, "lens_status", Standing.UNKNOWN))
    found = next((one for one in STATUSES[lens] if one.value == value), STATUSES[lens][-1])
    return Cell(value, text or found.label, found.tone, note, url)


# -- health -----------------------------------------------------------------------------------------


def _health(deployment: Deployment, facts: Facts) -> list[Cell]:
    watch = watch_of(deployment)
    where = f"?deployment={deployment.pk}"
    health_url = reverse("monitoring:health", args=[deployment.model.full_name]) + where
    drift_url = reverse("monitoring:drift", args=[deployment.model.full_name]) + where
    quality_url = reverse("monitoring:quality", args=[deployment.model.full_name]) + where
    drift, drift_reason = drift_now(deployment, facts.now)
    quality, quality_reason = quality_now(deployment, facts.now)
    week = week_of(deployment, facts.now)
    return [
        status_cell(deployment, Lens.HEALTH, note=health_reason(deployment), url=health_url),
        Cell(drift.value, drift.label, TONES[drift], drift_reason, drift_url),
        Cell(quality.value, quality.label, TONES[quality], quality_reason, quality_url),
        Cell(" ".join(DASH if count is None else f"{count:.0f}" for count in week), week=_drawn(week, facts.now)),
        _count(watch.requests_24h),
        _errors(watch),
        Cell(watch.p99_ms, DASH if watch.p99_ms is None else f"{watch.p99_ms:,.0f} ms"),
        Cell(iso(watch.last_request_at), DASH, at=watch.last_request_at),
    ]


def _count(count: float | None) -> Cell:
    return Cell(count, "unknown" if count is None else f"{count:,.0f}")


def _errors(watch: Watch) -> Cell:
    if watch.errors_24h is None or not watch.requests_24h:
        return Cell(watch.errors_24h, DASH)
    share = 100 * watch.errors_24h / watch.requests_24h
    return Cell(watch.errors_24h, f"{watch.errors_24h:,.0f}\N{NO-BREAK SPACE}({share:.1f}\N{NO-BREAK SPACE}%)")


def week_of(deployment: Deployment, now: datetime) -> list[float | None]:
    """Requests of the last seven UTC days. Days since the last reading of metrics are unknown."""
    counts = list(watch_of(deployment).week)
    source: HealthSource | None = getattr(deployment, "health_source", None)
    if source is None or source.tried_at is None or len(counts) != WEEK_DAYS:
        return [None] * WEEK_DAYS
    late = (now.astimezone(UTC).date() - source.tried_at.astimezone(UTC).date()).days
    missing = min(max(late, 0), WEEK_DAYS)
    return counts[missing:] + [None] * missing


def _drawn(week: Sequence[float | None], now: datetime) -> Week:
    most = max((count for count in week if count), default=0)
    bars = []
    for day, count in enumerate(week):
        height = 0.0 if count is None else max(1.0, round((BARS_HEIGHT - 2) * count / most, 1) if most else 1.0)
        bars.append(Bar(day * (BAR_WIDTH + BAR_GAP), BARS_HEIGHT - height, height))
    first = now.astimezone(UTC).date() - timedelta(days=WEEK_DAYS - 1)
    told = ", ".join("unknown" if count is None else f"{count:,.0f}" for count in week)
    return Week(bars, f"Requests per day since {first:%d %b}: {told}")


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


# -- the other lenses ---------------------------------------------------------------------------------


def _governance(deployment: Deployment, facts: Facts) -> list[Cell]:
    check = check_of(deployment)
    note = f"Checked at {check.checked_at:%Y-%m-%d %H:%M} UTC." if check and check.checked_at else "Never checked."
    url = reverse("deployments:deployment", args=[deployment.pk])
    owner, needed = deployment.model.owner, deployment.environment.needs_approval
    return [
        status_cell(deployment, Lens.GOVERNANCE, note=note, url=url),
        Cell(owner, owner) if owner else Cell("", "No owner", "warn"),
        Cell(deployment.model.risk, deployment.model.get_risk_display()),
        _version(deployment),
        Cell("needed" if needed else "not needed", "Needed" if needed else "Not needed"),
        Cell(iso(deployment.created_at), at=deployment.created_at),
    ]


def _version(deployment: Deployment) -> Cell:
    version = deployment.live_version
    return Cell(version, f"v{version}" if version else DASH)


def _cost(deployment: Deployment, facts: Facts) -> list[Cell]:
    row = facts.costs.get(deployment.pk)
    url = f"{reverse('monitoring:model_cost', args=[deployment.model.full_name])}?deployment={deployment.pk}"
    amounts = (row.cost, row.forecast, row.per_thousand) if row else (None, None, None)
    cost, forecast, per_thousand = (Cell(amount, money(amount, facts.currency)) for amount in amounts)
    changed, idle = (row.change, row.idle_share) if row else (None, None)
    budget, reason = cost_now(deployment, facts.now)
    return [
        status_cell(deployment, Lens.COST, url=url),
        cost,
        Cell(None if changed is None else round(changed, 1), percent(changed)),
        forecast,
        per_thousand,
        Cell(None if idle is None else round(idle, 2), DASH if idle is None else f"{idle * 100:.0f} %"),
        Cell(budget.value, BUDGETS[budget], TONES[budget], reason, url),
        _count(watch_of(deployment).requests_24h),
    ]


def newest_run(deployment: Deployment) -> Run | None:
    runs: list[Run] = getattr(deployment, "newest_runs", [])
    return runs[0] if runs else None


def _rollout(deployment: Deployment, facts: Facts) -> list[Cell]:
    run = newest_run(deployment)
    step = facts.steps.get(run.pk) if run else None
    traffic = ", ".join(f"v{one.get('entity_version')} {one.get('traffic') or 0} %" for one in deployment.served)
    since = (run.stage_started_at if run.status in UNFINISHED else run.finished_at) if run else None
    url = reverse("deployments:run", args=[run.pk]) if run else ""
    version = str(run.spec.get("version", "")) if run else ""
    return [
        status_cell(deployment, Lens.ROLLOUT, run.get_status_display() if run else "", url=url),
        _version(deployment),
        Cell(version, f"v{version}" if version else DASH),
        Cell(traffic, traffic or DASH),
        Cell(step.percent if step else None, f"{step.percent} %, {step.get_verdict_display()}" if step else DASH),
        Cell(iso(since), DASH, at=since),
    ]


CELLS: dict[Lens, Callable[[Deployment, Facts], list[Cell]]] = {
    Lens.HEALTH: _health,
    Lens.GOVERNANCE: _governance,
    Lens.COST: _cost,
    Lens.ROLLOUT: _rollout,
}

# -- CSV ----------------------------------------------------------------------------------------------


def csv_columns(lens: Lens) -> list[str]:
    return ["deployment", "name", "environment", "team", "model", *(column.key for column in COLUMNS[lens])]


def csv_rows(rows: Iterable[Row]) -> Iterator[list[Any]]:
    for row in rows:
        one = row.deployment
        values = [cell.value for _, cell in row.shown]
        yield [one.pk, one.name, one.environment.slug, one.team.slug, one.model.full_name, *values]
