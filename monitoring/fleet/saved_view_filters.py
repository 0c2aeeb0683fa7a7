"""What of the fleet can be kept under a name: the one rule for page and API, and what is left of it later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployments.models import Deployment
from monitoring.fleet.filters import FleetFilter
from monitoring.fleet.listing import STATUSES
from web.errors import Invalid


def choice_of(given: Mapping[str, str], request: Any) -> dict[str, str]:
    """``given`` as it is kept: parameters that are no filter (page, format) are left out.

    Raises Invalid by parameter for what the fleet would refuse now.
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
    """What of ``kept`` the fleet still takes, and in words what is gone: a team or environment may vanish."""
    asked = _filter(kept, request)
    if asked.is_valid():
        return asked.choice, []
    refused = set(asked.form.errors)
    left = {name: kept[name] for name in asked.form.fields if name in kept and name not in refused}
    gone = [f"{asked.form.fields[name].label.lower()} {kept[name]}" for name in kept if name in refused]
    return left, gone


def _filter(given: Mapping[str, str], request: Any) -> FleetFilter:
    return FleetFilter(dict(given), queryset=Deployment.objects.none(), request=request)
