"""Views of the fleet that people keep: what can be stored, who sees and changes it, and how it opens later."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied

from accounts.models import Team, User
from monitoring.fleet.saved_views import (
    MAX_VIEWS,
    ViewSettings,
    change_view,
    changeable,
    delete_view,
    views_of,
)
from monitoring.models import SavedView
from tests.deployments.racing import at_once
from tests.monitoring.fleet.keeping_views import FAILING, keep
from web.errors import Invalid

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def names_of(user: User) -> list[str]:
    return [view.name for view in views_of(user)]


def test_a_view_is_the_owners_until_it_is_shared_with_a_team(
    viewer: User, deployer: User, stranger: User, admin: User, team: Team
) -> None:
    keep(viewer, "mine")
    keep(viewer, "ours", team=team)
    seen = {user.username: names_of(user) for user in (viewer, deployer, stranger, admin)}
    assert seen == {"viewer": ["mine", "ours"], "deployer": ["ours"], "stranger": [], "admin": ["ours"]}


def test_ones_own_views_come_first_and_the_one_that_opens_before_all(viewer: User, deployer: User, team: Team) -> None:
    keep(deployer, "a", team=team, is_default=True)
    for name in ("B", "c", "d"):
        keep(viewer, name, is_default=name == "d")
    assert names_of(viewer) == ["d", "B", "c", "a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("  ", "Enter a name."),
        ("x" * 61, "Use at most 60 characters; this name has 61."),
        ("a\x00b", "Use printable characters only."),
        ("  fAILING ", "You already have a view with the name Failing."),
    ],
)
def test_a_name_that_cannot_be_is_refused_beside_its_field(viewer: User, name: str, message: str) -> None:
    keep(viewer)
    with pytest.raises(Invalid) as refused:
        keep(viewer, name)
    assert refused.value.fields == {"name": [message]}
    assert SavedView.objects.count() == 1


def test_two_people_may_give_the_same_name(viewer: User, deployer: User) -> None:
    keep(viewer)
    assert keep(deployer).name == "Failing"


def test_nobody_shares_with_a_team_that_they_are_not_in(viewer: User, other_team: Team) -> None:
    with pytest.raises(Invalid) as refused:
        keep(viewer, team=other_team)
    assert list(refused.value.fields) == ["team"]


def test_a_fleet_opens_with_one_view_at_most(viewer: User, deployer: User) -> None:
    others = keep(deployer, is_default=True)
    keep(viewer, "first", is_default=True)
    keep(viewer, "second", is_default=True)
    assert set(SavedView.objects.filter(is_default=True).values_list("name", "owner")) == {
        ("second", viewer.pk),
        (others.name, deployer.pk),
    }


def test_team_admins_rename_withdraw_and_delete_what_is_shared_and_share_it_no_further(
    viewer: User, owner: User, deployer: User, team: Team, other_team: Team
) -> None:
    view = keep(viewer, team=team)
    with pytest.raises(PermissionDenied):
        change_view(view=view, settings=ViewSettings("x", FAILING, team), actor=deployer)
    with pytest.raises(PermissionDenied):
        delete_view(view=view, actor=deployer)
    for settings in (ViewSettings("x", FAILING, other_team), ViewSettings("x", FAILING, team, True)):
        with pytest.raises(Invalid):
            change_view(view=SavedView.objects.get(), settings=settings, actor=owner)
    assert changeable(owner, [view]) == changeable(viewer, [view]) == {view.pk}
    assert changeable(deployer, [view]) == set()
    change_view(view=SavedView.objects.get(), settings=ViewSettings("renamed", FAILING), actor=owner)
    withdrawn = SavedView.objects.get()
    assert (withdrawn.name, withdrawn.team, withdrawn.owner) == ("renamed", None, viewer)
    with pytest.raises(PermissionDenied):
        delete_view(view=withdrawn, actor=owner)
    delete_view(view=withdrawn, actor=viewer)
    assert not SavedView.objects.exists()


def test_a_view_of_a_team_that_is_gone_is_the_owners_alone(viewer: User, deployer: User, team: Team) -> None:
    keep(viewer, team=team)
    team.delete()
    assert (names_of(viewer), names_of(deployer)) == (["Failing"], [])


def test_nobody_keeps_views_without_end(viewer: User) -> None:
    SavedView.objects.bulk_create(SavedView(owner=viewer, name=str(n), query=FAILING) for n in range(MAX_VIEWS))
    with pytest.raises(Invalid):
        keep(viewer)


def test_what_is_done_to_a_view_is_in_the_audit_trail(viewer: User, team: Team) -> None:
    view = keep(viewer)
    change_view(view=view, settings=ViewSettings("renamed", FAILING, team), actor=viewer)
    [entry] = LogEntry.objects.get_for_object(view).filter(action=LogEntry.Action.UPDATE)
    assert set(entry.changes_dict) == {"name", "team"}


def test_a_view_that_was_deleted_meanwhile_does_not_come_back(viewer: User) -> None:
    view = keep(viewer)
    delete_view(view=SavedView.objects.get(), actor=viewer)
    with pytest.raises(Invalid):
        change_view(view=view, settings=ViewSettings("renamed", FAILING), actor=viewer)
    assert not SavedView.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_save_one_name_at_once_one_does_and_the_fleet_opens_with_one_view(viewer: User) -> None:
    same = at_once(*[partial(keep, viewer) for _ in range(4)])
    other = at_once(*[partial(keep, viewer, f"view {number}", is_default=True) for number in range(4)])
    assert Counter(type(one) for one in same) == {Invalid: 3, SavedView: 1}
    assert {type(one) for one in other} == {SavedView}
    assert SavedView.objects.filter(owner=viewer, is_default=True).count() == 1
