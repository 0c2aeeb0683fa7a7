"""Roles and the actions they allow. Every permission check reads this table."""

from __future__ import annotations

from django.db import models


class Action(models.TextChoices):
    VIEW = "view", "see models, deployments and runs"
    DEPLOY = "deploy", "deploy, update, cancel and destroy"
    APPROVE = "approve", "approve and reject runs"
    OVERRIDE = "override", "override policies that a run does not meet"
    MANAGE = "manage", "manage members and settings of the team"


class Role(models.TextChoices):
    VIEWER = "viewer", "Viewer"
    DEPLOYER = "deployer", "Deployer"
    APPROVER = "approver", "Approver"
    TEAM_ADMIN = "team_admin", "Team admin"


ALLOWED: dict[Role, frozenset[Action]] = {
    Role.VIEWER: frozenset({Action.VIEW}),
    Role.DEPLOYER: frozenset({Action.VIEW, Action.DEPLOY}),
    Role.APPROVER: frozenset({Action.VIEW, Action.APPROVE}),
    Role.TEAM_ADMIN: frozenset(Action),
}


def roles_allowing(action: Action) -> list[Role]:
    """The roles that allow ``action``, in the order of ``ALLOWED``."""
    return [role for role, actions in ALLOWED.items() if action in actions]
