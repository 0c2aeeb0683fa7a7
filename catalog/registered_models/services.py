"""Setting the risk tier of a model."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts.models import User
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from catalog.registered_models.models import RegisteredModel, Risk


def set_risk(*, actor: User, model: RegisteredModel, risk: str) -> RegisteredModel:
    """Set the risk tier of the model, which applies to all later policy checks.

    Raises PermissionDenied unless ``actor`` manages the model's team, and ValidationError for an unknown tier.
    """
    if not can(actor, Action.MANAGE, model.team):
        raise PermissionDenied("Only a team admin of the model's team can set its risk tier.")
    if risk not in Risk.values:
        raise ValidationError({"risk": f"Choose one of: {', '.join(Risk.values)}."})
    with transaction.atomic():
        before = RegisteredModel.objects.select_for_update().get(pk=model.pk).risk
        if before != risk:
            RegisteredModel.objects.filter(pk=model.pk).update(risk=risk)
            changes = {"risk": [before, risk]}
            LogEntry.objects.log_create(
                model, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor
            )
    model.risk = risk
    return model
