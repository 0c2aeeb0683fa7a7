"""Pages of accounts: log in, tokens, teams."""

import re

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.models import AccessToken, Membership
from accounts.signin.guard import MAX_FAILURES, MAX_FAILURES_OF_ADDRESS
from accounts.teams.roles import Role
from tests.factories import PASSWORD, MembershipFactory, UserFactory, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
TOKENS = reverse("accounts:tokens")
TEAM = reverse("accounts:team", args=["fraud"])
LOGIN = reverse("login")


@pytest.fixture
def person(db):
    user = UserFactory.create(username="ana")
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(client, username="ana", password=PASSWORD, **extra):
    return client.post(LOGIN, {"username": username, "password": password}, **extra)


def test_the_right_password_logs_in_and_logging_out_logs_out(client, person):
    assert log_in(client).status_code == 302
    assert client.get(TOKENS).status_code == 200
    assert client.post(reverse("logout")).status_code == 302
    assert client.get(TOKENS).status_code == 302


def test_login_never_leads_to_another_site(client, person):
    answer = client.post(f"{LOGIN}?next=https://evil.example/", {"username": "ana", "password": PASSWORD})
    assert "evil" not in answer.headers["Location"]


def test_guessing_ends_after_a_few_tries_even_with_the_right_password(client, person):
    for _ in range(MAX_FAILURES):
        assert log_in(client, password="wrong").status_code == 200
    blocked = log_in(client)
    assert blocked.status_code == 429
    assert int(blocked.headers["Retry-After"]) > 0
    assert "Too many failed log-ins" in blocked.content.decode()
    assert log_in(client, username="ANA", password=PASSWORD).status_code == 429


def test_a_block_is_for_one_address_and_ends_with_time(client, person):
    for _ in range(MAX_FAILURES):
        log_in(client, password="wrong")
    assert log_in(client, REMOTE_ADDR="10.0.0.7").status_code == 302
    client.post(reverse("logout"))
    cache.clear()  # what the passing of the window does
    assert log_in(client).status_code == 302


def test_a_success_forgets_earlier_failures_of_the_person(client, person):
    for _ in range(MAX_FAILURES - 1):
        log_in(client, password="wrong")
    assert log_in(client).status_code == 302
    client.post(reverse("logout"))
    assert log_in(client, password="wrong").status_code == 200


def test_an_address_that_guesses_many_names_is_blocked_too(client, person):
    for number in range(MAX_FAILURES_OF_ADDRESS):
        log_in(client, username=f"name{number}", password="x")
    assert log_in(client).status_code == 429


def test_the_admin_login_counts_the_same_failures(client, person):
    url = reverse("admin:login")
    for _ in range(MAX_FAILURES):
        client.post(url, {"username": "ana", "password": "wrong"})
    assert log_in(client).status_code == 429


@pytest.mark.parametrize("username", ["", "a\x00b", "x" * 5000, "\ud83d\ude00"])
def test_odd_usernames_are_refused_clearly(client, db, username):
    assert log_in(client, username=username.encode("utf-8", "replace").decode()).status_code == 200


@pytest.mark.parametrize("name", ["tokens", "teams"])
def test_anonymous_visitors_are_sent_to_the_login(client, name):
    answer = client.get(reverse(f"accounts:{name}"))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(LOGIN)


def test_a_new_token_is_shown_on_its_page_once_and_not_cached(client, viewer):
    client.force_login(viewer)
    answer = client.post(TOKENS, {"name": "CI", "scope": "write", "expires_in_days": 7})
    assert answer.status_code == 201
    assert "no-store" in answer.headers["Cache-Control"]
    text = re.findall(r"slw_\w+", answer.content.decode())[0]
    assert text not in client.get(TOKENS).content.decode()
    assert client.get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert AccessToken.objects.get().user == viewer


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "x", "scope": "root", "expires_in_days": 7},
        {"name": "x", "scope": "read", "expires_in_days": 0},
        {"name": "\x07", "scope": "read", "expires_in_days": 5},
    ],
)
def test_a_bad_token_form_says_what_is_wrong(client, viewer, body):
    client.force_login(viewer)
    answer = client.post(TOKENS, body)
    assert answer.status_code == 400
    assert "data-error-summary" in answer.content.decode()
    assert not AccessToken.objects.exists()


def test_only_its_user_can_revoke_a_token(client, viewer, owner):
    token_of(owner)
    url = reverse("accounts:revoke", args=[AccessToken.objects.get().pk])
    client.force_login(viewer)
    assert client.post(url).status_code == 404
    client.force_login(owner)
    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    assert not AccessToken.objects.exists()


def test_a_team_is_seen_by_its_members_and_by_nobody_else(client, viewer, stranger):
    client.force_login(viewer)
    page = client.get(TEAM).content.decode()
    assert "Add member" not in page
    client.force_login(stranger)
    assert client.get(TEAM).status_code == 404
    assert "Fraud" not in client.get(reverse("accounts:teams")).content.decode()


def test_a_team_admin_adds_changes_and_removes(client, owner, team):
    newcomer = UserFactory.create(username="newcomer")
    client.force_login(owner)
    assert client.post(TEAM, {"username": "newcomer", "role": "viewer"}).status_code == 302
    membership = Membership.objects.get(user=newcomer)
    client.post(reverse("accounts:role", args=["fraud", membership.pk]), {"role": "approver"})
    membership.refresh_from_db()
    assert membership.role == Role.APPROVER
    client.post(reverse("accounts:remove", args=["fraud", membership.pk]))
    assert not Membership.objects.filter(user=newcomer).exists()


@pytest.mark.parametrize("who", ["viewer", "deployer", "approver"])
def test_others_may_not_change_members(client, who, owner, request):
    client.force_login(request.getfixturevalue(who))
    theirs = Membership.objects.get(user=owner)
    UserFactory.create(username="newcomer")
    assert client.post(TEAM, {"username": "newcomer", "role": "viewer"}).status_code == 403
    assert client.post(reverse("accounts:role", args=["fraud", theirs.pk]), {"role": "viewer"}).status_code == 403
    assert client.post(reverse("accounts:remove", args=["fraud", theirs.pk])).status_code == 403
    theirs.refresh_from_db()
    assert theirs.role == Role.TEAM_ADMIN


def test_the_last_team_admin_stays_and_is_told_why(client, owner, team):
    client.force_login(owner)
    mine = Membership.objects.get(user=owner)
    answer = client.post(reverse("accounts:remove", args=["fraud", mine.pk]), follow=True)
    assert "last team admin" in answer.content.decode()
    answer = client.post(reverse("accounts:role", args=["fraud", mine.pk]), {"role": "viewer"}, follow=True)
    assert "last team admin" in answer.content.decode()
    assert Membership.objects.get(user=owner).role == Role.TEAM_ADMIN


def test_a_member_of_another_team_cannot_be_changed_through_mine(client, owner, stranger):
    theirs = Membership.objects.get(user=stranger)
    client.force_login(owner)
    assert client.post(reverse("accounts:remove", args=["fraud", theirs.pk])).status_code == 404
    assert client.post(f"{TEAM}members/{10**40}/remove/").status_code == 404


@pytest.mark.parametrize("body", [{}, {"username": "nobody", "role": "viewer"}, {"username": "owner", "role": "king"}])
def test_a_bad_member_form_says_what_is_wrong(client, owner, body):
    client.force_login(owner)
    answer = client.post(TEAM, body)
    assert answer.status_code == 400
    assert "data-error-summary" in answer.content.decode()


def test_names_are_escaped(client, owner, team):
    UserFactory.create(username="evil", first_name="<script>alert(1)</script>")
    client.force_login(owner)
    client.post(TEAM, {"username": "evil", "role": "viewer"})
    page = client.get(TEAM).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_a_team_page_costs_the_same_for_one_and_for_twenty_members(client, owner, team, django_assert_max_num_queries):
    client.force_login(owner)
    with django_assert_max_num_queries(9):
        client.get(TEAM)
    MembershipFactory.create_batch(20, team=team)
    with django_assert_max_num_queries(9):
        client.get(TEAM)


@pytest.mark.parametrize("name", ["user", "team", "accesstoken"])
def test_admin_pages_open(client, admin, owner, name):
    token_of(owner)
    client.force_login(admin)
    assert client.get(reverse(f"admin:accounts_{name}_changelist")).status_code == 200
    pk = {"user": owner.pk, "team": owner.memberships.get().team_id, "accesstoken": AccessToken.objects.get().pk}
    assert client.get(reverse(f"admin:accounts_{name}_change", args=[pk[name]])).status_code == 200
