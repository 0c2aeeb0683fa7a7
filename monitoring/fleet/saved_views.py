"""Actions of people on saved views: save, change and delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, Value, When
from django.db.models.functions import Lower

from accounts.models import Team, User
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from monitoring.fleet.models import MAX_NAME_CHARS, SavedView, SavedViewQuerySet
from web.errors import Invalid

MAX_VIEWS = 100


@dataclass(frozen=True)
class ViewSettings:
    """The changeable fields of a view."""

    name: str
    #: Validated by the filter of the fleet.
    query: Mapping[str, str]
    #: None for the owner alone.
    team: Team | None = None
    is_default: bool = False


def views_of(user: User) -> SavedViewQuerySet:
    """Views that ``user`` can see: the default view, then their own, then shared ones. One query."""
    mine = Case(When(owner=user, then=Value(0)), default=Value(1))
    first = Case(When(owner=user, is_default=True, then=Value(0)), default=Value(1))
    rows = SavedView.objects.visible_to(user).select_related("owner", "team")
    return rows.order_by(mine, first, Lower("name"), "pk")


def view_named(owner_id: int, name: str) -> SavedView | None:
    """The owner's view with this name. Names are case-insensitive, and extra spaces do not count."""
    rows = SavedView.objects.filter(owner=owner_id).alias(small=Lower("name"))
    found: SavedView | None = rows.filter(small=Lower(Value(" ".join(name.split())))).first()
    return found


def may_change(actor: User, view: SavedView) -> bool:
    """Whether ``actor`` is the owner, or an admin of the team that the view is shared with."""
    return view.owner_id == actor.pk or (view.team is not None and can(actor, Action.MANAGE, view.team))


def changeable(actor: User, views: list[SavedView]) -> set[int]:
    """Ids of the views that ``actor`` may change. One query."""
    managed = set(teams_where(actor, Action.MANAGE).values_list("pk", flat=True))
    return {view.pk for view in views if view.owner_id == actor.pk or view.team_id in managed}


def save_view(*, actor: User, settings: ViewSettings) -> SavedView:
    """Raises Invalid."""
    with transaction.atomic():
        view = SavedView(owner=_locked(actor.pk))
        _write(view, settings, actor)
    return view


def change_view(*, view: SavedView, settings: ViewSettings, actor: User) -> SavedView:
    """Rename or share the view, change its query, or make it the owner's default.

    Raises PermissionDenied or Invalid.
    """
    with transaction.atomic():
        _locked(view.owner_id)
        fresh: SavedView | None = SavedView.objects.select_related("owner", "team").filter(pk=view.pk).first()
        if fresh is None:
            raise Invalid({"name": ["This view was deleted meanwhile."]})
        _require(actor, fresh)
        _write(fresh, settings, actor)
    return fresh


def delete_view(*, view: SavedView, actor: User) -> None:
    """Raises PermissionDenied."""
    _require(actor, view)
    view.delete()


def _locked(owner_id: int) -> User:
    """Lock the owner, so that concurrent saves run one after the other and keep names and the default unique."""
    return User.objects.select_for_update().get(pk=owner_id)


def _write(view: SavedView, settings: ViewSettings, actor: User) -> None:
    name = _name(view, settings.name)
    _require_share(view, settings.team, actor)
    if settings.is_default != view.is_default and view.owner_id != actor.pk:
        raise Invalid({"is_default": [f"Only {view.owner} can choose their default view."]})
    if settings.is_default and not view.is_default:
        for other in SavedView.objects.filter(owner=view.owner_id, is_default=True).exclude(pk=view.pk):
            other.is_default = False
            other.save()
    view.name, view.query = name, dict(settings.query)
    view.team, view.is_default = settings.team, settings.is_default
    view.save()


def _name(view: SavedView, wanted: str) -> str:
    """The name without extra spaces. Raises Invalid if it is not usable or taken."""
    name = " ".join(wanted.split())
    if not name:
        raise Invalid({"name": ["Enter a name."]})
    if len(name) > MAX_NAME_CHARS:
        raise Invalid({"name": [f"Use at most {MAX_NAME_CHARS} characters; this name has {len(name)}."]})
    if not name.isprintable():
        raise Invalid({"name": ["Use printable characters only."]})
    taken = view_named(view.owner_id, name)
    if taken is not None and taken.pk != view.pk:
        raise Invalid({"name": [f"You already have a view with the name {taken}."]})
    if view._state.adding and SavedView.objects.filter(owner=view.owner_id).count() >= MAX_VIEWS:
        raise Invalid({"name": [f"You already have {MAX_VIEWS} views. Delete one first."]})
    return name


def _require_share(view: SavedView, team: Team | None, actor: User) -> None:
    if team is None or team.pk == view.team_id:
        return
    if view.owner_id != actor.pk:
        raise Invalid({"team": [f"Only {view.owner} can share it with another team."]})
    if not Team.objects.visible_to(actor).filter(pk=team.pk).exists():
        raise Invalid({"team": [f"There is no team {team.slug}."]})


def _require(actor: User, view: SavedView) -> None:
    if not may_change(actor, view):
        raise PermissionDenied(f"Only {view.owner} or a team admin can change the view {view}.")
