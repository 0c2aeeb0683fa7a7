"""Who is in a team, with which role. A team never loses its last team admin."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from accounts.people.models import User
from accounts.teams.models import Membership, Team
from accounts.teams.permissions import can
from accounts.teams.roles import Action, Role


def add_member(*, actor: User, team: Team, username: str, role: Role | str) -> Membership:
    """Raises PermissionDenied, or ValidationError by field."""
    _check_manages(actor, team)
    checked = _checked_role(role)
    user = User.objects.filter(username=username.replace("\x00", ""), is_active=True).first()
    if user is None:
        raise ValidationError({"username": "There is no such person."})
    with transaction.atomic():
        # One change of a team at a time: the row lock also makes "already a member" true until commit.
        Team.objects.select_for_update().get(pk=team.pk)
        if Membership.objects.filter(team=team, user=user).exists():
            raise ValidationError({"username": f"{user.display_name} is already a member of {team}."})
        return Membership.objects.create(team=team, user=user, role=checked)


def change_role(*, actor: User, membership: Membership, role: Role | str) -> Membership:
    """Raises PermissionDenied, or ValidationError for a bad role and for the last team admin."""
    _check_manages(actor, membership.team)
    checked = _checked_role(role)
    with transaction.atomic():
        current = _locked(membership)
        if current.role == checked:
            return current
        _check_not_last_admin(current, "give somebody else that role first")
        current.role = checked
        current.save(update_fields=["role"])
        return current


def remove_member(*, actor: User, membership: Membership) -> None:
    """Everybody may leave; removing somebody else takes a team admin. Raises as ``change_role``."""
    if membership.user_id != actor.pk:
        _check_manages(actor, membership.team)
    with transaction.atomic():
        current = _locked(membership)
        _check_not_last_admin(current, "make somebody else team admin first")
        current.delete()


def _check_manages(actor: User, team: Team) -> None:
    if not can(actor, Action.MANAGE, team):
        raise PermissionDenied(f"Only a team admin of {team} may change its members.")


def _checked_role(role: Role | str) -> Role:
    if role not in Role.values:
        raise ValidationError({"role": f"Choose one of: {', '.join(Role.values)}."})
    return Role(role)


def _locked(membership: Membership) -> Membership:
    """The membership as it is now, with its team locked until the transaction ends."""
    Team.objects.select_for_update().get(pk=membership.team_id)
    current = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if current is None:
        raise ValidationError("Somebody else has removed this member in the meantime.")
    return current


def _check_not_last_admin(membership: Membership, advice: str) -> None:
    if membership.role != Role.TEAM_ADMIN:
        return
    others = Membership.objects.filter(team=membership.team, role=Role.TEAM_ADMIN, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        raise ValidationError(f"{membership.user.display_name} is the last team admin: {advice}.")
