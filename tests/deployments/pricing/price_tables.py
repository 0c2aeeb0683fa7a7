"""A price table of a test's own, with round figures."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from deployments.models import PriceTable, Rate

RATES = (
    ("CPU", "Small", 4, 4, "4", "4"),
    ("CPU", "Medium", 8, 16, "8", "16"),
    ("GPU_SMALL", "Small", 4, 4, "10.48", "10.48"),
)


def make_prices(**values: Any) -> PriceTable:
    """In force since 2026-11-01 and the only one but for those that a test makes: 0.07 USD per DBU."""
    given = {
        "name": "Test prices",
        "valid_from": date(2026, 11, 1),
        "price_per_dbu": Decimal("0.07"),
        "source": "Made for a test.",
    }
    table = PriceTable.objects.create(**{**given, **values})
    for workload_type, size, fewest, most, low, high in RATES:
        Rate.objects.create(
            table=table,
            workload_type=workload_type,
            workload_size=size,
            min_concurrency=fewest,
            max_concurrency=most,
            min_dbu_per_hour=Decimal(low),
            max_dbu_per_hour=Decimal(high),
        )
    return table


def only_prices(**values: Any) -> PriceTable:
    """As ``make_prices``, with every other table gone; in force whatever day it is."""
    PriceTable.objects.all().delete()
    return make_prices(**{"valid_from": date(2020, 1, 1), **values})
