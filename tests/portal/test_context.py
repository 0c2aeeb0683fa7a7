from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries

from accounts.models import Team, User
from accounts.teams.roles import Role
from portal import context
from portal.context import Group, Item, Shell, deployers, everybody, platform_admins
from tests.factories import member_of

GROUPS = (
    Group("", (Item("Home", "home", "home"), Item("Later", "an-app:that-is-not-there", "box"))),
    Group("Work", (Item("Deploy", "components", "plus", deployers), Item("Health", "healthz", "activity"))),
    Group("Platform", (Item("Admin", "admin:index", "settings", platform_admins),)),
)


@pytest.fixture
def shell_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shell]:
    """``shell_of(user, path)`` over the groups above."""
    monkeypatch.setattr(context, "GROUPS", GROUPS)

    def make(user: User | AnonymousUser, path: str = "/") -> Shell:
        request = RequestFactory().get(path)
        request.user = user
        return Shell(request)

    return make


def labels(shell: Shell) -> list[str]:
    return [item.label for group in shell.groups for item in group.items]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.VIEWER, ["Home", "Health"]),
        (Role.APPROVER, ["Home", "Health"]),
        (Role.DEPLOYER, ["Home", "Deploy", "Health"]),
        (Role.TEAM_ADMIN, ["Home", "Deploy", "Health"]),
    ],
)
def test_the_navigation_offers_what_the_role_allows(
    shell_of: Callable[..., Shell], team: Team, role: Role, expected: list[str]
) -> None:
    assert labels(shell_of(member_of(team, role, "ada"))) == expected


def test_a_platform_admin_sees_everything(shell_of: Callable[..., Shell], admin: User) -> None:
    shell = shell_of(admin)
    assert labels(shell) == ["Home", "Deploy", "Health", "Admin"]
    assert shell.summary == "Platform admin"


def test_nobody_is_offered_nothing(shell_of: Callable[..., Shell]) -> None:
    shell = shell_of(AnonymousUser())
    assert shell.groups == []
    assert shell.account == []


def test_an_entry_waits_for_its_page_to_exist(shell_of: Callable[..., Shell], viewer: User) -> None:
    assert "Later" not in labels(shell_of(viewer))


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/", ["Home"]), ("/components/", ["Deploy"]), ("/components/7/edit/", ["Deploy"]), ("/elsewhere/", [])],
)
def test_the_entry_that_the_page_lies_under_is_marked(
    shell_of: Callable[..., Shell], owner: User, path: str, expected: list[str]
) -> None:
    groups = shell_of(owner, path).groups
    assert [item.label for group in groups for item in group.items if item.active] == expected


def test_the_summary_counts_teams(shell_of: Callable[..., Shell], owner: User, other_team: Team) -> None:
    assert shell_of(owner).summary == "Fraud"
    owner.memberships.create(team=other_team, role=Role.VIEWER)
    assert shell_of(owner).summary == "2 teams"
    owner.memberships.all().delete()
    assert shell_of(owner).summary == "No team yet"


def test_a_fragment_costs_no_query_and_a_page_one(
    shell_of: Callable[..., Shell], owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shell = shell_of(owner)
    with django_assert_num_queries(0):
        assert shell.version
        assert shell.time_zone == "UTC"
    with django_assert_num_queries(1):
        assert labels(shell)
        assert shell.summary
        assert shell.memberships


def test_every_entry_of_the_real_navigation_has_a_reader_and_an_icon() -> None:
    icons = settings.BASE_DIR / "static" / "icons.txt"
    known = set(icons.read_text(encoding="utf-8").split())
    items = [*context.ACCOUNT, *(item for group in context.GROUPS for item in group.items)]
    assert {item.icon for item in items} <= known
    assert {item.shown_to for item in items} <= {everybody, deployers, platform_admins}
