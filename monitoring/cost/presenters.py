"""Costs for pages, CSV and the API: rows, charts, notices about the data, and savings."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.urls import reverse

from deployments.models import Deployment, Run
from monitoring.cost.costing import Ledger, Period, Spent, change, forecast, month_to_date
from monitoring.cost.models import BillingSource, CostKind
from monitoring.cost.requests import Requests
from monitoring.cost.savings import Saving
from web.charts import Chart, Series

CENT = Decimal("0.01")
NOBODY = "Unattributed"
OTHERS = "All others"
#: The chart has five colours.
MAX_BARS = 5
#: Databricks publishes usage a few hours late, so two days without usage are a delay.
DELAYED_AFTER = timedelta(days=2)


def cents(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(CENT, ROUND_HALF_UP)


def money(amount: Decimal | None, currency: str) -> str:
    """Formats as "1,234.50 USD", or as a dash if unknown."""
    return "\N{EN DASH}" if amount is None else f"{cents(amount):,.2f} {currency}"


def percent(share: Decimal | None) -> str:
    """Formats as "+12 %", or as a dash if unknown."""
    return "\N{EN DASH}" if share is None else f"{share:+,.0f} %".replace("-", "\N{MINUS SIGN}")


@dataclass(frozen=True)
class CostRow:
    """The costs of one deployment in one month. None is unknown."""

    deployment: Deployment
    cost: Decimal
    #: The cost on the same days of the previous month.
    before: Decimal
    forecast: Decimal | None
    requests: int | None
    #: Share of hours without requests, from 0 to 1.
    idle_share: Decimal | None

    @property
    def change(self) -> Decimal | None:
        return change(self.cost, self.before)

    @property
    def per_thousand(self) -> Decimal | None:
        return self.cost * 1000 / self.requests if self.requests else None

    @property
    def size(self) -> str:
        compute = self.deployment.spec.get("compute", {})
        return f"{compute.get('workload_type', 'CPU')} {compute.get('workload_size', '')}".strip()

    @property
    def name(self) -> str:
        return self.deployment.name


def cost_rows(ledger: Ledger, deployments: Iterable[Deployment], requests: Mapping[int, Requests]) -> list[CostRow]:
    """One row for each deployment with costs in the month, or on the same days of the previous one."""
    by_deployment = _by_deployment(ledger.rows)
    found = []
    for deployment in deployments:
        rows, before = by_deployment.get(deployment.pk, []), ledger.before.get(deployment.pk, Decimal(0))
        cost = month_to_date(rows, ledger.period)
        if not (cost or before):
            continue
        asked = requests.get(deployment.pk)
        # Requests must cover all days with costs, or the cost per request would be too high.
        first = min((row.day for row in rows if row.cost and row.day >= ledger.period.first), default=None)
        known = asked is not None and first is not None and asked.since <= first
        count, idle = (asked.count, asked.idle_share) if asked and known else (None, None)
        found.append(CostRow(deployment, cost, before, forecast(rows, ledger.period), count, idle))
    return found


def ordered(rows: Sequence[CostRow], ordering: str) -> list[CostRow]:
    """Sort by a key of ``ORDERINGS``, "-" for descending, or by cost descending by default. Unknown comes last."""
    name = ordering.removeprefix("-") or "cost"
    downwards = ordering.startswith("-") or not ordering
    known = [row for row in rows if getattr(row, name) is not None]
    rest = [row for row in rows if getattr(row, name) is None]
    known.sort(key=lambda row: (row.name, row.deployment.pk))
    known.sort(key=lambda row: getattr(row, name), reverse=downwards)
    return known + rest


@dataclass(frozen=True)
class Totals:
    """Totals of all costs that the user can see, in the currency of the ledger. None is unknown."""

    spent: Decimal | None
    before: Decimal | None
    forecast: Decimal | None

    @property
    def change(self) -> Decimal | None:
        return None if self.spent is None or self.before is None else change(self.spent, self.before)


def totals(ledger: Ledger, sources: Iterable[BillingSource]) -> Totals:
    """The totals. Without costs they are 0 if the billing tables were read, else unknown."""
    if not (ledger.rows or ledger.before or any(source.read_at for source in sources)):
        return Totals(None, None, None)
    spent = month_to_date(ledger.rows, ledger.period)
    return Totals(spent, sum(ledger.before.values(), Decimal(0)), forecast(ledger.rows, ledger.period))


CSV_COLUMNS = (
    "deployment", "environment", "team", "model", "size", "month", "currency", "cost", "same_days_before",
    "change_percent", "forecast", "requests", "per_1000_predictions", "idle_share",
)  # fmt: skip


def csv_rows(rows: Iterable[CostRow], ledger: Ledger) -> Iterator[tuple[object, ...]]:
    for row in rows:
        deployment = row.deployment
        yield (
            deployment.name,
            deployment.environment.slug,
            deployment.team.slug,
            deployment.model.full_name,
            row.size,
            f"{ledger.period.first:%Y-%m}",
            ledger.currency,
            cents(row.cost),
            cents(row.before),
            row.change and row.change.quantize(Decimal(1)),
            cents(row.forecast),
            row.requests,
            row.per_thousand and row.per_thousand.quantize(Decimal("0.0001")),
            row.idle_share and row.idle_share.quantize(CENT),
        )


def _by_deployment(rows: Iterable[Spent]) -> dict[int | None, list[Spent]]:
    found: dict[int | None, list[Spent]] = {}
    for row in rows:
        found.setdefault(row.deployment_id, []).append(row)
    return found


# -- bars -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bars:
    """A stacked bar for each day with a part for each group. Amounts are rounded to cents."""

    days: list[str]
    #: (name, amount on each day), largest group first.
    groups: list[tuple[str, list[Decimal]]]
    currency: str
    #: (day, label)
    markers: tuple[tuple[str, str], ...] = ()

    @property
    def chart(self) -> dict[str, Any]:
        """The data for static/js/charts.js. Amounts are floats here; the table has the exact ones."""
        series = [
            Series(name, [(day, float(value)) for day, value in zip(self.days, values, strict=True)])
            for name, values in self.groups
        ]
        chart = Chart("cost", "Cost per day", series, "stacked", "category", self.currency, categories=self.days)
        return {**chart.as_json, "markers": [{"at": day, "label": label} for day, label in self.markers]}

    @property
    def chart_json(self) -> str:
        return json.dumps(self.chart)

    @property
    def table(self) -> list[tuple[str, list[Decimal], Decimal]]:
        """(day, amounts in the order of ``groups``, sum) for each day."""
        return [
            (day, parts := [values[index] for _, values in self.groups], sum(parts, Decimal(0)))
            for index, day in enumerate(self.days)
        ]


def bars(
    rows: Iterable[Spent], period: Period, deployments: Mapping[int, Deployment], group: str, currency: str
) -> Bars:
    """The bars of every day of the month up to today, including days without costs."""
    days = [period.first + timedelta(days=number) for number in range((period.today - period.first).days + 1)]
    sums: dict[str, dict[Any, Decimal]] = {}
    for row in rows:
        day_sums = sums.setdefault(_group_name(row, deployments, group), {})
        day_sums[row.day] = day_sums.get(row.day, Decimal(0)) + row.cost
    ranked = sorted(sums, key=lambda name: (-sum(sums[name].values()), name))
    shown, rest = (ranked, []) if len(ranked) <= MAX_BARS else (ranked[: MAX_BARS - 1], ranked[MAX_BARS - 1 :])
    parts = [(name, [_in_cents(sums[name].get(day)) for day in days]) for name in shown]
    if rest:
        together = [sum((sums[name].get(day, Decimal(0)) for name in rest), Decimal(0)) for day in days]
        parts.append((OTHERS, [_in_cents(amount) for amount in together]))
    return Bars([day.isoformat() for day in days], parts, currency)


def marked(shown: Bars, runs: Iterable[Run]) -> Bars:
    """``shown`` with a marker on each day on which a run changed the endpoint."""
    marks = [(f"{run.finished_at.astimezone(UTC):%Y-%m-%d}", f"run #{run.pk}") for run in runs if run.finished_at]
    return replace(shown, markers=tuple(mark for mark in marks if mark[0] in shown.days))


def _in_cents(amount: Decimal | None) -> Decimal:
    return (amount or Decimal(0)).quantize(CENT, ROUND_HALF_UP)


def _group_name(row: Spent, deployments: Mapping[int, Deployment], group: str) -> str:
    if group == "kind":
        return str(CostKind(row.kind).label)
    deployment = deployments.get(row.deployment_id) if row.deployment_id is not None else None
    if deployment is None:
        return NOBODY
    names = {
        "team": lambda: deployment.team.name,
        "model": lambda: deployment.model.full_name,
        "environment": lambda: deployment.environment.name,
    }
    return str(names.get(group, lambda: f"{deployment.name} in {deployment.environment.name}")())


# -- notices about the data ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Notice:
    tone: str
    title: str
    text: str
    code: str = ""


def source_notices(sources: Sequence[BillingSource], now: datetime) -> list[Notice]:
    """Why the figures may be missing, incomplete or outdated."""
    if not sources:
        return [Notice("unknown", "No costs yet", "Billing tables are read once an hour. Nothing was imported yet.")]
    return [notice for source in sources if (notice := _notice(source, now))]


def _notice(source: BillingSource, now: datetime) -> Notice | None:
    name, newest = source.workspace.name, source.newest_usage
    last = f"The last day with usage is {newest}." if newest else "Nothing was imported yet."
    if source.grant:
        text = f"{last} {source.error.rstrip('.')}. An account admin must run this. The next import is within an hour."
        return Notice("bad", f"No access to the billing tables of {name}", text, source.grant)
    if source.error:
        return Notice("warn", f"The billing tables of {name} could not be read", f"{last} {source.error}")
    if newest is None:
        return Notice("unknown", f"Nothing billed in {name} yet", "Its billing tables have no usage.")
    if now.astimezone(UTC).date() - newest > DELAYED_AFTER:
        return Notice("warn", f"Billing of {name} is delayed", f"{last} The figures do not include later costs.")
    return None


# -- savings ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SavingView:
    saving: Saving
    #: The confirmation or the prefilled wizard that applies it; "" if the user may not deploy.
    url: str
    action: str


def saving_view(saving: Saving, team_ids: Container[int]) -> SavingView:
    """``team_ids`` are the teams for which the user may deploy."""
    deployment, wizard = saving.deployment, reverse("deployments:wizard_start")
    urls = {
        "unused": (reverse("deployments:destroy", args=[deployment.pk]), "Destroy"),
        "idle": (f"{wizard}?deployment={deployment.pk}&scale_to_zero=true", "Scale to zero"),
        "no_traffic": (f"{wizard}?deployment={deployment.pk}&version={deployment.live_version}", "Remove version"),
    }
    url, action = urls[saving.kind]
    return SavingView(saving, url if deployment.team_id in team_ids else "", action)
