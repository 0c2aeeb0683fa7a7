from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from pytest_django.fixtures import Settings

from accounts.models import AccessToken, Membership, Team, TokenScope, User
from accounts.teams.roles import Action, Role
from catalog.models import Environment, Workspace
from embedded.cast import EVERY_TEAM, PEOPLE, TEAMS, make_cast

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_every_role_is_there_and_every_login_works() -> None:
    logins = make_cast([])
    assert {login["role"] for login in logins} == {*Role.values, "platform_admin"}
    for login in logins[:2]:
        user = authenticate(username=login["username"], password=login["password"])
        assert user is not None
    assert len({login["password"] for login in logins}) == len(PEOPLE)


def test_a_second_start_keeps_people_passwords_and_tokens() -> None:
    logins = make_cast([])
    rows = (User.objects.count(), Membership.objects.count(), AccessToken.objects.count(), Environment.objects.count())
    assert make_cast(logins) == logins
    again = (User.objects.count(), Membership.objects.count(), AccessToken.objects.count(), Environment.objects.count())
    assert again == rows


def test_a_lost_file_with_logins_gives_everybody_a_new_one() -> None:
    old = make_cast([])
    new = make_cast([])
    assert not {login["password"] for login in old} & {login["password"] for login in new}
    assert authenticate(username=new[0]["username"], password=new[0]["password"]) is not None
    assert authenticate(username=old[0]["username"], password=old[0]["password"]) is None
    assert AccessToken.objects.count() == len(PEOPLE)


def test_a_revoked_token_is_replaced() -> None:
    logins = make_cast([])
    AccessToken.objects.filter(user__username="fiona").delete()
    again = {login["username"]: login for login in make_cast(logins)}
    assert again["fiona"]["token"] != logins[0]["token"]
    assert again["arjun"] == logins[1]


def test_a_role_that_somebody_was_given_since_is_left_alone() -> None:
    logins = make_cast([])
    Membership.objects.filter(user__username="fiona").update(role=Role.TEAM_ADMIN)
    make_cast(logins)
    assert Membership.objects.get(user__username="fiona").role == Role.TEAM_ADMIN


def test_the_manager_sees_every_team_and_changes_nothing() -> None:
    login = next(login for login in make_cast([]) if login["team"] == EVERY_TEAM and login["role"] == Role.VIEWER)
    manager = User.objects.get(username=login["username"])
    assert Team.objects.visible_to(manager).count() == len(TEAMS)
    assert AccessToken.objects.get(user=manager).scope == TokenScope.READ
    assert not manager.memberships.exclude(role=Role.VIEWER).exists()


def test_only_production_needs_a_second_person_and_the_port_follows_the_setting(settings: Settings) -> None:
    make_cast([])
    assert list(Environment.objects.filter(needs_approval=True).values_list("slug", flat=True)) == ["prod"]
    settings.SANDBOX_PORT = 9191
    make_cast([])
    assert Workspace.objects.get().host == "http://127.0.0.1:9191"


def test_each_team_can_deploy_and_approve_with_two_different_people() -> None:
    make_cast([])
    for team in Team.objects.all():
        members = {membership.role: membership.user_id for membership in team.memberships.all()}
        assert members[Role.DEPLOYER] != members[Role.APPROVER], Action.APPROVE
