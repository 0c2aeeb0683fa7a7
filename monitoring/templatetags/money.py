"""Filters for amounts of money and shares."""

from __future__ import annotations

from decimal import Decimal

from django import template

from monitoring.cost.presenters import money as in_words
from monitoring.cost.presenters import percent as as_percent

register = template.Library()


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    return in_words(amount, currency)


@register.filter
def percent(share: Decimal | None) -> str:
    """A percentage with its sign."""
    return as_percent(share)


@register.filter
def share(part: Decimal | None) -> str:
    """A share from 0 to 1 as a percentage."""
    return "\N{EN DASH}" if part is None else f"{part * 100:.0f} %"
