"""Validates the query of a saved view, when it is saved and when it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.models import Deployment
from monitoring.fleet.filters import FleetFilter
from monitoring.fleet.listing import STATUSES
from web.errors import Invalid


def choice_of(given: Mapping[str, str], request: Any) -> dict[str, str]:
    """``given`` in canonical form, without parameters that are not filters (page, format).

    Raises Invalid if the fleet does not accept a parameter.
    """
    asked = _filter(given, request)
    if not asked.is_valid():
        raise Invalid({name: [str(text) for text in texts] for name, texts in asked.form.errors.items()})
    choice = asked.choice
    lens = asked.chosen_lens
    if choice.get("status") not in (None, *(one.value for one in STATUSES[lens])):
        raise Invalid({"status": [f"The lens {lens.label} has no status {choice['status']}."]})
    return choice


def still_there(kept: Mapping[str, str], request: Any) -> tuple[dict[str, str], list[str]]:
    """(the parameters of ``kept`` that are still valid, descriptions of the others such as a deleted team)."""
    asked = _filter(kept, request)
    if asked.is_valid():
        return asked.choice, []
    refused = set(asked.form.errors)
    left = {name: kept[name] for name in asked.form.fields if name in kept and name not in refused}
    gone = [f"{asked.form.fields[name].label.lower()} {kept[name]}" for name in kept if name in refused]
    return left, gone


def _filter(given: Mapping[str, str], request: Any) -> FleetFilter:
    return FleetFilter(dict(given), queryset=Deployment.objects.none(), request=request)
