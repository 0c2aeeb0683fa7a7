"""Estimates and price tables as pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts.models import User
from deployments.pricing.estimating import money_range, plain
from deployments.pricing.models import PriceTable
from deployments.runs.models import Run
from deployments.runs.records import StageRecord


@dataclass(frozen=True)
class PriceView:
    """``total`` and the last item of each line are amounts such as "49.28-204.40 USD", or "" without a price."""

    total: str
    against_now: str
    problem: str
    lines: list[tuple[str, str, str]]
    assumptions: list[str]
    table_id: int | None
    table: str


def price_view(kept: Mapping[str, Any]) -> PriceView:
    """The view of a ``Quote.as_json``, either new or stored by a run."""
    currency = str(kept["currency"])
    table = kept.get("table") or {}
    return PriceView(
        total=_range(kept, currency),
        against_now=str(kept.get("against_now", "")),
        problem=str(kept["problem"]),
        lines=[(line["label"], line["formula"], _range(line, currency)) for line in kept["lines"]],
        assumptions=list(kept["assumptions"]),
        table_id=table.get("id"),
        table=f"{table['name']}, from {table['valid_from']}" if table else "",
    )


def _range(money: Mapping[str, Any], currency: str) -> str:
    if money["low"] is None or money["high"] is None:
        return ""
    return money_range(Decimal(money["low"]), Decimal(money["high"]), currency)


def cost_panel(run: Run, record: StageRecord | None, user: User) -> dict[str, Any]:
    kept = record.detail.get("estimate") if record else None
    return {"price": price_view(kept) if kept else None}


# -- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableRow:
    """A table of the history. ``state`` is "In force", "Scheduled" or "Replaced"."""

    table: PriceTable
    tone: str
    state: str


def history(tables: Iterable[PriceTable], in_force: PriceTable | None) -> list[TableRow]:
    """Rows for ``tables``, which are sorted newest first. Tables before the one in force are scheduled."""
    rows = list(tables)
    now = rows.index(in_force) if in_force in rows else len(rows)
    return [TableRow(table, *_state(index, now)) for index, table in enumerate(rows)]


def _state(index: int, now: int) -> tuple[str, str]:
    if index == now:
        return "ok", "In force"
    return ("info", "Scheduled") if index < now else ("idle", "Replaced")


@dataclass(frozen=True)
class RateView:
    unit: str
    concurrency: str
    dbu: str
    per_hour: str


def rate_rows(table: PriceTable) -> list[RateView]:
    """Each rate, with the price of an hour at minimum and maximum concurrency."""
    rows = []
    for rate in table.rates.all():
        low, high = rate.min_dbu_per_hour, rate.max_dbu_per_hour
        concurrency = _span(str(rate.min_concurrency), str(rate.max_concurrency))
        per_hour = money_range(table.price_per_dbu * low, table.price_per_dbu * high, table.currency)
        rows.append(RateView(str(rate), concurrency, _span(plain(low), plain(high)), per_hour))
    return rows


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low}\N{EN DASH}{high}"
