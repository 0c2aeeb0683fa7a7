"""Creating and editing policies. Each edit creates a version; results keep the version they were evaluated with."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.teams.permissions import require_platform_admin
from catalog.models import Environment, Risk
from deployments.policies.models import ChangeKind, Policy, PolicyLevel, PolicyVersion
from deployments.policies.rules import RULES
from web.bodies import parse
from web.errors import Invalid, Refused

EDIT_POLICIES = "edit policies"


def create_policy(
    *, rule: str, place: dict[str, str], level: str, parameters: dict[str, Any], reason: str, actor: User
) -> Policy:
    """Create a policy. ``place`` has environment, risk and change; a missing item matches all.

    Raises PermissionDenied unless ``actor`` is a platform admin, and Invalid with all errors by field.
    """
    require_platform_admin(actor, EDIT_POLICIES)
    place = {name: place.get(name, "") for name in ("environment", "risk", "change")}
    _check_place(rule, place)
    checked = _checked(rule, level, parameters)
    try:
        with transaction.atomic():
            policy = Policy.objects.create(rule=rule, level=level, parameters=checked, **place)
            _keep_version(policy, reason, actor)
    except IntegrityError:
        raise Invalid({"rule": ["This rule and place already have a policy. Edit that one."]}) from None
    return policy


def edit_policy(
    *, policy: Policy, version: int, level: str, parameters: dict[str, Any], reason: str, actor: User
) -> Policy:
    """Create a new version of the policy.

    Raises Refused if the policy is no longer at ``version``, and the errors of ``create_policy``.
    """
    require_platform_admin(actor, EDIT_POLICIES)
    checked = _checked(policy.rule, level, parameters)
    with transaction.atomic():
        current = Policy.objects.select_for_update().get(pk=policy.pk)
        if current.version != version:
            raise Refused("policy_changed", "Another person has edited this policy since you looked at it.")
        current.level, current.parameters, current.version = level, checked, version + 1
        try:
            with transaction.atomic():
                _keep_version(current, reason, actor)
        except IntegrityError:
            raise Refused("policy_changed", "Another person is editing this policy.") from None
        current.save(update_fields=["level", "parameters", "version"])
    return current


def _check_place(rule: str, place: dict[str, str]) -> None:
    errors: dict[str, list[str]] = {}
    if rule not in RULES:
        errors["rule"] = [f"This rule does not exist. Choose one of: {', '.join(RULES)}."]
    if place["environment"] and not Environment.objects.filter(slug=place["environment"]).exists():
        errors["environment"] = ["This environment does not exist."]
    if place["risk"] and place["risk"] not in Risk.values:
        errors["risk"] = [f"Choose one of: {', '.join(Risk.values)}."]
    if place["change"] and place["change"] not in ChangeKind.values:
        errors["change"] = [f"Choose one of: {', '.join(ChangeKind.values)}."]
    if errors:
        raise Invalid(errors)


def _checked(rule: str, level: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The validated parameters. Raises Invalid; errors of parameters have the field ``parameters.x``."""
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
