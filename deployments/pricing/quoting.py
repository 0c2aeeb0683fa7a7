"""A quote: an estimate, compared with the price of what is live now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone

from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec
from deployments.pricing.estimating import (
    DEFAULT_HOURS_PER_DAY,
    HOURS_PER_MONTH,
    Estimate,
    Served,
    estimate,
    estimate_served,
)
from deployments.pricing.models import PriceTable
from deployments.runs.statuses import GOOD

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Quote:
    """An estimate and its difference to what is live now."""

    estimate: Estimate
    #: The price of what is live, for the same hours. None if there is nothing to compare with.
    now: Estimate | None = None

    @property
    def difference(self) -> tuple[Decimal, Decimal] | None:
        """(low, high) compared with now. None if one of the two prices is unknown."""
        if self.now is None:
            return None
        new, old = self.estimate, self.now
        if new.low is None or new.high is None or old.low is None or old.high is None:
            return None
        return new.low - old.low, new.high - old.high

    @property
    def difference_text(self) -> str:
        """ "+60.00 compared with now", or "" without a price or without anything to compare with."""
        if self.now and self.now.problem and not self.estimate.problem:
            return "the current price is unknown"
        if self.difference is None:
            return ""
        low, high = self.difference
        if low == high == 0:
            return "the same as now"
        amounts = _signed(low) if low == high else f"{_signed(low)} to {_signed(high)}"
        return f"{amounts} compared with now"

    @property
    def sentence(self) -> str:
        """ "about 120.00-480.00 USD a month, +60.00 compared with now", or the reason why there is no price."""
        if self.estimate.problem:
            return self.estimate.problem
        price = f"about {self.estimate.text} a month" if self.estimate.lines else "no further cost"
        return ", ".join(filter(None, [price, self.difference_text]))

    def as_json(self) -> dict[str, Any]:
        """The quote as stored by runs and shown by the API. Money is text, to keep its precision, or null."""
        told, difference = self.estimate, self.difference
        return {
            "low": _text(told.low),
            "high": _text(told.high),
            "currency": told.currency,
            "hours_per_month": int(HOURS_PER_MONTH),
            "assumed_hours_per_day": float(told.hours_used_per_day),
            "summary": self.sentence,
            "against_now": self.difference_text,
            "problem": told.problem,
            "lines": [
                {"label": line.label, "formula": line.formula, "low": _text(line.low), "high": _text(line.high)}
                for line in told.lines
            ],
            "assumptions": list(told.assumptions),
            "table": told.table_id
            and {"id": told.table_id, "name": told.table_name, "valid_from": f"{told.valid_from}"},
            "now": {"low": _text(self.now.low), "high": _text(self.now.high)} if self.now else None,
            "difference": {"low": _text(difference[0]), "high": _text(difference[1])} if difference else None,
        }


def prices_today() -> PriceTable | None:
    """The table in force today, in the portal's time zone."""
    return PriceTable.objects.in_force(timezone.localdate())


def quote(
    spec: DeploymentSpec,
    *,
    table: PriceTable | None,
    deployment: Deployment | None = None,
    hours_used_per_day: Decimal = DEFAULT_HOURS_PER_DAY,
) -> Quote:
    """The price of ``spec``, compared with what ``deployment`` serves now. At most one query."""
    live = live_served(deployment) if deployment else ()
    return Quote(
        estimate(spec, table=table, hours_used_per_day=hours_used_per_day, beside=live),
        estimate_served(live, table=table, hours_used_per_day=hours_used_per_day) if deployment else None,
    )


def quote_destroy(deployment: Deployment, *, table: PriceTable | None) -> Quote:
    """The quote of a destroy run: no cost, and what that saves."""
    return Quote(estimate_served((), table=table), estimate_served(live_served(deployment), table=table))


def live_served(deployment: Deployment) -> Sequence[Served]:
    """What the last successful run left: from ``intended``, else from the run's spec. Empty if nothing is served."""
    if deployment.destroyed_at:
        return ()
    if deployment.intended:
        return [_of_intention(entity) for entity in deployment.intended.get("served_entities", [])]
    last = deployment.runs.filter(status__in=GOOD).first()
    return [Served.of_spec(last.parsed_spec())] if last else []


def _of_intention(entity: dict[str, Any]) -> Served:
    """A served entity from an item of ``served_entities`` of terraform/modules/model_endpoint, with its defaults."""
    return Served(
        version=str(entity.get("entity_version", "")),
        workload_type=str(entity.get("workload_type") or "CPU"),
        workload_size=str(entity.get("workload_size", "")),
        scale_to_zero=bool(entity.get("scale_to_zero_enabled", True)),
    )


def _signed(amount: Decimal) -> str:
    sign = "+" if amount > 0 else MINUS if amount < 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{abs(amount):,.2f}"


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
