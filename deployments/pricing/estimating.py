"""The arithmetic of an estimate. It depends only on the price table.

    price of a served entity in a month = price per DBU x DBU per hour x hours

Low: DBU per hour at the minimum concurrency of the size, for 730 hours, or with scale to zero for the hours in use
(hours a day x 22 days). High: DBU per hour at the maximum concurrency, for 730 hours.
Source: Databricks, "Monitor model serving costs" and the pricing page of Model Serving. DBUs are metered per hour of
provisioned concurrency, the price includes the infrastructure, and nothing is metered while scaled to zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from deployments.deployment.specs import DeploymentSpec, Rollout
from deployments.pricing.models import PriceTable

HOURS_PER_MONTH = Decimal(730)
DAYS_IN_USE = 22
DEFAULT_HOURS_PER_DAY = Decimal(8)
MAX_HOURS_PER_DAY = Decimal(24)
MINUTES_PER_HOUR = 60
CENT = Decimal("0.01")
NO_TABLE = "An estimate is not possible: no price table is valid today."


@dataclass(frozen=True)
class Served:
    """A served model version and its compute."""

    version: str
    workload_type: str
    workload_size: str
    scale_to_zero: bool

    @classmethod
    def of_spec(cls, spec: DeploymentSpec) -> Served:
        compute = spec.compute
        return cls(spec.version, compute.workload_type, compute.workload_size, compute.scale_to_zero)

    @property
    def unit(self) -> str:
        return f"{self.workload_type} {self.workload_size}"


@dataclass(frozen=True)
class Line:
    """A part of the price, rounded to cents, and its formula. ``low`` and ``high`` are None without a rate."""

    label: str
    formula: str
    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True)
class Estimate:
    """The price of a month from ``low`` to ``high`` in ``currency``: the sum of ``lines``, rounded to cents.

    If there is no price, ``problem`` gives the reason, and ``low`` and ``high`` are None, never 0.
    """

    low: Decimal | None
    high: Decimal | None
    currency: str
    lines: tuple[Line, ...]
    assumptions: tuple[str, ...]
    problem: str = ""
    hours_used_per_day: Decimal = DEFAULT_HOURS_PER_DAY
    table_id: int | None = None
    table_name: str = ""
    valid_from: date | None = None

    @property
    def text(self) -> str:
        """ "49.28\N{EN DASH}204.40 USD", or "" without a price."""
        return "" if self.low is None or self.high is None else money_range(self.low, self.high, self.currency)


def estimate(
    spec: DeploymentSpec,
    *,
    table: PriceTable | None,
    hours_used_per_day: Decimal = DEFAULT_HOURS_PER_DAY,
    beside: Sequence[Served] = (),
) -> Estimate:
    """The price of ``spec`` for a month of 730 hours, with the formula at the top of this module.

    ``beside`` is what is live now. A canary, blue/green or shadow rollout serves it beside the new version until the
    rollout ends; that is a separate line. No query if the rates of ``table`` are prefetched.
    Raises ValueError unless ``hours_used_per_day`` is above 0 and at most 24.
    """
    served = Served.of_spec(spec)
    old = [entity for entity in beside if entity.version != served.version]
    hours = _rollout_hours(spec.rollout) if old else Decimal(0)
    return _estimate([served], table, hours_used_per_day, old if hours else [], hours)


def estimate_served(
    served: Sequence[Served], *, table: PriceTable | None, hours_used_per_day: Decimal = DEFAULT_HOURS_PER_DAY
) -> Estimate:
    """The monthly price of ``served``, with the same formula. 0 if ``served`` is empty."""
    return _estimate(served, table, hours_used_per_day, [], Decimal(0))


def _estimate(
    served: Sequence[Served],
    table: PriceTable | None,
    hours_used_per_day: Decimal,
    old: Sequence[Served],
    rollout_hours: Decimal,
) -> Estimate:
    if not 0 < hours_used_per_day <= MAX_HOURS_PER_DAY:
        raise ValueError("hours_used_per_day must be more than 0 and at most 24")
    if table is None:
        return Estimate(None, None, "", (), (), NO_TABLE, hours_used_per_day)
    lines = (
        *(_monthly_line(entity, table, hours_used_per_day) for entity in served),
        *(_rollout_line(entity, table, rollout_hours) for entity in old),
    )
    return Estimate(
        low=_total(line.low for line in lines),
        high=_total(line.high for line in lines),
        currency=table.currency,
        lines=lines,
        assumptions=tuple(_assumptions(served, table, hours_used_per_day, rollout_hours)),
        problem=_problem([*served, *old], table),
        hours_used_per_day=hours_used_per_day,
        table_id=table.pk,
        table_name=table.name,
        valid_from=table.valid_from,
    )


def _monthly_line(entity: Served, table: PriceTable, hours_used_per_day: Decimal) -> Line:
    low_hours = hours_used_per_day * DAYS_IN_USE if entity.scale_to_zero else HOURS_PER_MONTH
    return _line(f"Version {entity.version}, {entity.unit}", entity, table, low_hours, HOURS_PER_MONTH)


def _rollout_line(entity: Served, table: PriceTable, hours: Decimal) -> Line:
    label = f"Version {entity.version}, {entity.unit}, beside the new version during the rollout, once"
    return _line(label, entity, table, hours, hours)


def _line(label: str, entity: Served, table: PriceTable, low_hours: Decimal, high_hours: Decimal) -> Line:
    rate = table.rate(entity.workload_type, entity.workload_size)
    if rate is None:
        return Line(label, f"no rate for {entity.unit}, in DBU per hour", None, None)
    price = table.price_per_dbu
    return Line(
        label=label,
        formula=f"{plain(rate.min_dbu_per_hour)} DBU/h \N{MULTIPLICATION SIGN} {plain(low_hours)} h to "
        f"{plain(rate.max_dbu_per_hour)} DBU/h \N{MULTIPLICATION SIGN} {plain(high_hours)} h, "
        f"at {plain(price)} {table.currency} per DBU",
        low=_cents(price * rate.min_dbu_per_hour * low_hours),
        high=_cents(price * rate.max_dbu_per_hour * high_hours),
    )


def _rollout_hours(rollout: Rollout) -> Decimal:
    """Hours in which old and new are served side by side. Each step of a canary bakes; other rollouts bake once."""
    bakes = {"all_at_once": 0, "canary": len(rollout.steps)}.get(rollout.strategy, 1)
    return Decimal(bakes * rollout.bake_minutes) / MINUTES_PER_HOUR


def _total(parts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, rounded to cents. None if any part is None."""
    known: list[Decimal] = []
    for part in parts:
        if part is None:
            return None
        known.append(part)
    return _cents(sum(known, Decimal(0)))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def _problem(entities: Sequence[Served], table: PriceTable) -> str:
    unknown = {entity.unit for entity in entities if table.rate(entity.workload_type, entity.workload_size) is None}
    if not unknown:
        return ""
    units = ", ".join(sorted(unknown))
    return f"An estimate is not possible: the price table \N{LEFT DOUBLE QUOTATION MARK}{table.name}" + (
        f"\N{RIGHT DOUBLE QUOTATION MARK} has no rate for {units}, in DBU per hour."
    )


def _assumptions(
    served: Sequence[Served], table: PriceTable, hours_used_per_day: Decimal, rollout_hours: Decimal
) -> Iterable[str]:
    if not served:
        yield "Nothing is served after this change."
        return
    if any(entity.scale_to_zero for entity in served):
        yield (
            f"Low: used {plain(hours_used_per_day)} hours a day on {DAYS_IN_USE} days at minimum concurrency, scaled "
            f"to zero otherwise. Cold starts are metered but not included."
        )
    if any(not entity.scale_to_zero for entity in served):
        yield f"Low: always on, {HOURS_PER_MONTH} hours at the minimum concurrency of the size."
    yield f"High: {HOURS_PER_MONTH} hours at the maximum concurrency of the size."
    if rollout_hours:
        minutes = plain((rollout_hours * MINUTES_PER_HOUR).quantize(Decimal(1)))
        yield f"The rollout takes {minutes} minutes, once. Both versions are served until it ends."
    yield "Serving only: inference tables, monitoring jobs and network are not included."
    yield (
        f"{plain(table.price_per_dbu)} {table.currency} per DBU: {table.name}, from {table.valid_from}. {table.source}"
    )


# -- in words -------------------------------------------------------------------------------------


def plain(value: Decimal) -> str:
    """The number without trailing zeros and without an exponent."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money_range(low: Decimal, high: Decimal, currency: str) -> str:
    amounts = f"{low:,.2f}" if low == high else f"{low:,.2f}\N{EN DASH}{high:,.2f}"
    return f"{amounts} {currency}"
