"""Teams and tokens over the API."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import AccessToken, Membership
from accounts.teams.members import add_member, change_role, remove_member
from accounts.teams.roles import Role
from accounts.tokens.services import create_token
from tests.factories import MembershipFactory, UserFactory, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
TOKENS = "/api/v1/tokens/"
MEMBERS = "/api/v1/teams/fraud/members/"


def test_a_new_token_is_shown_once_and_works(viewer, api_as):
    client = api_as(viewer)
    answer = client.post(TOKENS, {"name": "CI", "scope": "write", "expires_in_days": 30})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    text = answer.json()["token"]
    assert text.startswith("slw_")
    shown = client.get(f"{TOKENS}{answer.json()['id']}/")
    assert "token" not in shown.json()
    assert text not in client.get(TOKENS).content.decode()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert client.get("/api/v1/me/").status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\x07b"}, "name"),
        ({"name": "x", "scope": "root"}, "scope"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 366}, "expires_in_days"),
        ({"name": "x", "expires_in_days": "soon"}, "expires_in_days"),
        ({"name": ["x"]}, "name"),
    ],
)
def test_a_bad_token_wish_names_its_field(viewer, api_as, body, field):
    answer = api_as(viewer).post(TOKENS, body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_body_that_is_no_object_gets_400(viewer, api_as):
    bodies: list[object] = [[], "x", 3, None]
    for body in bodies:
        assert api_as(viewer).post(TOKENS, body).status_code == 400


def test_tokens_of_others_cannot_be_seen_or_revoked(viewer, owner, api_as):
    token_of(owner)
    theirs = AccessToken.objects.get(user=owner)
    client = api_as(viewer)
    assert client.get(f"{TOKENS}{theirs.pk}/").status_code == 404
    assert client.delete(f"{TOKENS}{theirs.pk}/").status_code == 404
    assert [row["id"] for row in client.get(TOKENS).json()["results"]] != [str(theirs.pk)]
    assert AccessToken.objects.filter(pk=theirs.pk).exists()


def test_a_revoked_token_ends_at_once(viewer, api_as):
    client = api_as(viewer)
    mine = AccessToken.objects.get(user=viewer)
    assert client.delete(f"{TOKENS}{mine.pk}/").status_code == 204
    assert client.get(TOKENS).status_code == 401


def test_odd_ids_are_not_found(viewer, api_as):
    for odd in ("0", "x" * 300, "%00", "..", "%F0%9F%98%80"):
        assert api_as(viewer).get(f"{TOKENS}{odd}/").status_code == 404


def test_one_person_holds_at_most_fifty_tokens(viewer):
    for number in range(50):
        create_token(user=viewer, name=f"t{number}", scope="read", expires_in_days=1)
    with pytest.raises(ValidationError, match="50 tokens"):
        create_token(user=viewer, name="one more", scope="read", expires_in_days=1)


def test_a_member_sees_the_team_with_its_members(viewer, owner, api_as):
    body = api_as(viewer).get("/api/v1/teams/fraud/").json()
    assert {(row["username"], row["role"]) for row in body["members"]} == {
        ("owner", "team_admin"),
        ("viewer", "viewer"),
    }


def test_a_stranger_does_not_find_the_team(team, stranger, api_as):
    client = api_as(stranger)
    assert client.get("/api/v1/teams/fraud/").status_code == 404
    assert [row["slug"] for row in client.get("/api/v1/teams/").json()["results"]] == ["pricing"]
    assert client.post(MEMBERS, {"username": "stranger", "role": "team_admin"}).status_code == 404


def test_a_platform_admin_sees_every_team(team, other_team, admin, api_as):
    slugs = [row["slug"] for row in api_as(admin).get("/api/v1/teams/").json()["results"]]
    assert slugs == ["fraud", "pricing"]


@pytest.mark.parametrize("who", ["viewer", "deployer", "approver"])
def test_only_a_team_admin_changes_members(who, owner, request, api_as):
    client = api_as(request.getfixturevalue(who))
    UserFactory.create(username="newcomer")
    assert client.post(MEMBERS, {"username": "newcomer", "role": "viewer"}).status_code == 403
    assert client.patch(f"{MEMBERS}owner/", {"role": "viewer"}).status_code == 403
    assert client.delete(f"{MEMBERS}owner/").status_code == 403
    assert Membership.objects.get(user=owner).role == Role.TEAM_ADMIN


def test_a_team_admin_adds_changes_and_removes_a_member(owner, api_as):
    UserFactory.create(username="new@example.com")
    client = api_as(owner)
    assert client.post(MEMBERS, {"username": "new@example.com", "role": "viewer"}).status_code == 201
    answer = client.patch(f"{MEMBERS}new@example.com/", {"role": "deployer"})
    assert answer.json()["role"] == "deployer"
    assert client.delete(f"{MEMBERS}new@example.com/").status_code == 204
    assert client.delete(f"{MEMBERS}new@example.com/").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "nobody", "role": "viewer"}, "username"),
        ({"username": "owner", "role": "viewer"}, "username"),
        ({"username": "nobody", "role": "king"}, "role"),
        ({"role": "viewer"}, "username"),
    ],
)
def test_a_bad_member_names_its_field(owner, api_as, body, field):
    answer = api_as(owner).post(MEMBERS, body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_the_last_team_admin_can_neither_leave_nor_step_down(owner, api_as):
    client = api_as(owner)
    assert client.delete(f"{MEMBERS}owner/").status_code == 400
    answer = client.patch(f"{MEMBERS}owner/", {"role": "viewer"})
    assert answer.status_code == 400
    assert "last team admin" in answer.json()["message"]
    assert Membership.objects.get(user=owner).role == Role.TEAM_ADMIN


def test_a_team_admin_who_left_the_company_does_not_count_as_one(owner, team):
    MembershipFactory.create(team=team, user=UserFactory.create(is_active=False), role=Role.TEAM_ADMIN)
    with pytest.raises(ValidationError, match="last team admin"):
        remove_member(actor=owner, membership=team.memberships.get(user=owner))


def test_anybody_may_leave(viewer, owner, api_as):
    assert api_as(viewer).delete(f"{MEMBERS}viewer/").status_code == 204


def test_two_admins_who_remove_each_other_leave_one(owner, team):
    second = MembershipFactory.create(team=team, role=Role.TEAM_ADMIN)
    first = team.memberships.get(user=owner)
    remove_member(actor=owner, membership=second)
    with pytest.raises(PermissionDenied):
        remove_member(actor=second.user, membership=first)
    assert team.memberships.filter(role=Role.TEAM_ADMIN).count() == 1


def test_changing_a_member_that_somebody_removed_meanwhile_says_so(owner, team, viewer):
    membership = team.memberships.get(user=viewer)
    Membership.objects.filter(pk=membership.pk).delete()
    with pytest.raises(ValidationError, match="already been removed"):
        change_role(actor=owner, membership=membership, role=Role.DEPLOYER)


def test_services_refuse_roles_that_do_not_exist(owner, team):
    with pytest.raises(ValidationError):
        add_member(actor=owner, team=team, username="stranger", role="king")


def test_a_list_of_teams_costs_the_same_for_one_and_for_twenty(admin, team, api_as, django_assert_num_queries):
    client = api_as(admin)
    client.get("/api/v1/teams/")
    with django_assert_num_queries(2):
        client.get("/api/v1/teams/")
    MembershipFactory.create_batch(19)
    with django_assert_num_queries(2):
        client.get("/api/v1/teams/")


def test_unknown_ordering_is_refused(admin, api_as):
    answer = api_as(admin).get("/api/v1/teams/?ordering=password")
    assert answer.status_code == 400
    assert "ordering" in answer.json()["fields"]


def test_text_with_a_nul_is_refused_with_a_reason(owner, api_as):
    answer = api_as(owner).post(MEMBERS, {"username": "a\x00b", "role": "viewer"})
    assert answer.status_code == 400
    assert answer.json()["message"]
