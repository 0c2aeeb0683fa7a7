"""What an endpoint will cost for a month, before it is changed: the same figures for pages, API and the Cost stage.

``estimating`` is arithmetic over a price table; ``quoting`` compares with what is live now.
"""

from __future__ import annotations

from deployments.pricing.estimating import DEFAULT_HOURS_PER_DAY, MAX_HOURS_PER_DAY, Estimate, Line, Served, estimate
from deployments.pricing.quoting import Quote, live_served, prices_today, quote, quote_destroy

__all__ = [
    "DEFAULT_HOURS_PER_DAY",
    "MAX_HOURS_PER_DAY",
    "Estimate",
    "Line",
    "Quote",
    "Served",
    "estimate",
    "live_served",
    "prices_today",
    "quote",
    "quote_destroy",
]
