"""Membership and roles of a team. The last team admin cannot be removed."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts.people.models import User
from accounts.teams.models import Membership, Team
from accounts.teams.permissions import can
from accounts.teams.roles import Action, Role


def add_member(*, actor: User, team: Team, username: str, role: Role | str) -> Membership:
    """Add an active user to the team.

    Raises PermissionDenied unless ``actor`` manages the team, and ValidationError by field.
    """
    _check_manages(actor, team)
    checked = _checked_role(role)
    user = User.objects.filter(username=username.replace("\x00", ""), is_active=True).first()
    if user is None:
        raise ValidationError({"username": "No active user has this username."})
    with transaction.atomic():
        # The row lock serializes changes of a team, so that the check for a membership holds until commit.
        Team.objects.select_for_update().get(pk=team.pk)
        if Membership.objects.filter(team=team, user=user).exists():
            raise ValidationError({"username": f"{user.display_name} is already a member of {team}."})
        return Membership.objects.create(team=team, user=user, role=checked)


def change_role(*, actor: User, membership: Membership, role: Role | str) -> Membership:
    """Change the role of a member.

    Raises PermissionDenied unless ``actor`` manages the team. Raises ValidationError for an unknown role, for the last
    team admin, and if the member has been removed.
    """
    _check_manages(actor, membership.team)
    checked = _checked_role(role)
    with transaction.atomic():
        current = _locked(membership)
        if current.role == checked:
            return current
        _check_not_last_admin(current, "give another member that role first")
        current.role = checked
        current.save(update_fields=["role"])
        return current


def remove_member(*, actor: User, membership: Membership) -> None:
    """Remove a member. Members may leave; only a team admin may remove others.

    Raises PermissionDenied, and ValidationError for the last team admin and if the member has been removed.
    """
    if membership.user_id != actor.pk:
        _check_manages(actor, membership.team)
    with transaction.atomic():
        current = _locked(membership)
        _check_not_last_admin(current, "make another member team admin first")
        current.delete()


def _check_manages(actor: User, team: Team) -> None:
    if not can(actor, Action.MANAGE, team):
        raise PermissionDenied(f"Only a team admin of {team} can change its members.")


def _checked_role(role: Role | str) -> Role:
    if role not in Role.values:
        raise ValidationError({"role": f"Choose one of: {', '.join(Role.values)}."})
    return Role(role)


def _locked(membership: Membership) -> Membership:
    """The current membership row, with its team locked until the transaction ends."""
    Team.objects.select_for_update().get(pk=membership.team_id)
    current = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if current is None:
        raise ValidationError("This member has already been removed.")
    return current


def _check_not_last_admin(membership: Membership, advice: str) -> None:
    if membership.role != Role.TEAM_ADMIN:
        return
    others = Membership.objects.filter(team=membership.team, role=Role.TEAM_ADMIN, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        raise ValidationError(f"{membership.user.display_name} is the last team admin: {advice}.")
