"""Policies and freezes for tests."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from deployments.models import Freeze, Policy, PolicyResult, PolicyVersion
from deployments.policies.rules import RULES, default_parameters


def hold(rule: str, level: str = "overridable", parameters: dict[str, Any] | None = None, **place: str) -> Policy:
    """A policy in its first version, with the parameters of an example unless some are given."""
    given = default_parameters(RULES[rule]) if parameters is None else parameters
    policy = Policy.objects.create(rule=rule, level=level, parameters=given, **place)
    PolicyVersion.objects.create(policy=policy, number=1, level=level, parameters=given)
    return policy


def clear() -> None:
    """No rule holds anywhere."""
    for table in (PolicyResult, PolicyVersion, Policy):
        table.objects.all().delete()


def only(rule: str, level: str = "overridable", parameters: dict[str, Any] | None = None, **place: str) -> Policy:
    """The one policy that there is."""
    clear()
    return hold(rule, level, parameters, **place)


def freeze(by: User, hours: float = 1, **values: Any) -> Freeze:
    """A freeze of everything, unless ``environment`` or ``team`` is given."""
    scope = "environment" if "environment" in values else "team" if "team" in values else "all"
    ends_at = timezone.now() + timedelta(hours=hours)
    return Freeze.objects.create(scope=scope, created_by=by, **{"reason": "month end", "ends_at": ends_at, **values})
