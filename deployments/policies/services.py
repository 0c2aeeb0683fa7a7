"""Editing policies. Each edit is a new version; what was judged by an older one keeps it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from accounts.models import User
from catalog.models import Environment, Risk
from deployments.policies.models import ChangeKind, Policy, PolicyLevel, PolicyVersion
from deployments.policies.rules import RULES
from web.bodies import parse
from web.errors import Invalid, Refused


def create_policy(
    *, rule: str, place: dict[str, str], level: str, parameters: dict[str, Any], reason: str, actor: User
) -> Policy:
    """Make a policy for a place that has none. ``place``: environment, risk and change; what is left out is all.

    Raises PermissionDenied, or Invalid by field.
    """
    _require_platform_admin(actor)
    place = {name: place.get(name, "") for name in ("environment", "risk", "change")}
    _check_place(rule, place)
    checked = _checked(rule, level, parameters)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(rule=rule, level=level, parameters=checked, **place)
            _keep_version(policy, reason, actor)
    except IntegrityError:
        raise Invalid({"rule": ["There is a policy for this rule and place already: edit that one."]}) from None
    return policy


def edit_policy(
    *, policy: Policy, version: int, level: str, parameters: dict[str, Any], reason: str, actor: User
) -> Policy:
    """Make a new version.

    Raises Refused when the policy is no longer at ``version``, else as ``create_policy``.
    """
    _require_platform_admin(actor)
    checked = _checked(policy.rule, level, parameters)
    with transaction.atomic():
        current = Policy.objects.select_for_update().get(pk=policy.pk)
        if current.version != version:
            raise Refused("policy_changed", "Somebody has edited this policy since you looked at it.")
        current.level, current.parameters, current.version = level, checked, version + 1
        try:
            with transaction.atomic():
                _keep_version(current, reason, actor)
        except IntegrityError:
            raise Refused("policy_changed", "Somebody else edits this policy at this moment.") from None
        current.save(update_fields=["level", "parameters", "version"])
    return current


def _require_platform_admin(actor: User) -> None:
    if not actor.is_platform_admin:
        raise PermissionDenied("Only a platform admin edits policies.")


def _check_place(rule: str, place: dict[str, str]) -> None:
    errors: dict[str, list[str]] = {}
    if rule not in RULES:
        errors["rule"] = [f"There is no such rule. There are: {', '.join(RULES)}."]
    if place["environment"] and not Environment.objects.filter(slug=place["environment"]).exists():
        errors["environment"] = ["There is no such environment."]
    if place["risk"] and place["risk"] not in Risk.values:
        errors["risk"] = [f"Choose one of: {', '.join(Risk.values)}."]
    if place["change"] and place["change"] not in ChangeKind.values:
        errors["change"] = [f"Choose one of: {', '.join(ChangeKind.values)}."]
    if errors:
        raise Invalid(errors)


def _checked(rule: str, level: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters as they are kept. Raises Invalid; fields of parameters are named ``parameters.x``."""
    if level not in PolicyLevel.values:
        raise Invalid({"level": [f"Choose one of: {', '.join(PolicyLevel.values)}."]})
    try:
        return parse(RULES[rule].parameters, parameters).model_dump(mode="json")
    except Invalid as invalid:
        raise Invalid({f"parameters.{name}": texts for name, texts in invalid.fields.items()}) from None


def _keep_version(policy: Policy, reason: str, actor: User) -> None:
    PolicyVersion.objects.create(
        policy=policy,
        number=policy.version,
        level=policy.level,
        parameters=policy.parameters,
        reason=reason.strip(),
        created_by=actor,
    )
