"""Permission checks: which actions a user may do for a team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied

from accounts.people.models import User
from accounts.teams.models import Team
from accounts.teams.roles import Action, roles_allowing

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import QuerySet


def teams_where(user: User | AnonymousUser, action: Action) -> QuerySet[Team]:
    """The teams for which ``user`` may do ``action``; all teams for a platform admin."""
    if not isinstance(user, User) or not user.is_active:
        return Team.objects.none()
    if user.is_platform_admin:
        return Team.objects.all()
    return Team.objects.filter(memberships__user=user, memberships__role__in=roles_allowing(action))


def can(user: User | AnonymousUser, action: Action, team: Team | None) -> bool:
    """Whether ``user`` may do ``action`` for ``team``. Only platform admins may act on objects without a team."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if user.is_platform_admin:
        return True
    return team is not None and teams_where(user, action).filter(pk=team.pk).exists()


def require_platform_admin(user: User, deed: str) -> None:
    """Raises PermissionDenied unless ``user`` is a platform admin. ``deed`` completes "can": "set prices"."""
    if not user.is_platform_admin:
        raise PermissionDenied(f"Only a platform admin can {deed}.")


def teams_of(request: Any) -> Any:
    """The teams that the user of ``request`` may see; none if ``request`` is None, as in the API's schema."""
    return Team.objects.visible_to(request.user) if request is not None else Team.objects.none()
