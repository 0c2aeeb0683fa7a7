"""Saved views on pages and in the API: the same rule at both doors, and the fleet that opens with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Team, TokenScope, User
from catalog.models import Environment
from monitoring.models import SavedView
from tests.factories import EnvironmentFactory
from tests.monitoring.fleet.keeping_views import FAILING, keep

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
API = "/api/v1/fleet/views/"
NEW = "/fleet/views/new/"


@pytest.fixture
def signed_in(client: Client, viewer: User) -> Client:
    client.force_login(viewer)
    return client


def marked(answer: Any) -> list[str]:
    return [link.label for link in answer.context["view_links"] if link.active]


def test_what_is_saved_on_the_fleet_is_a_link_there_and_opens_the_same(
    signed_in: Client, environment: Environment
) -> None:
    query = {"lens": "rollout", "q": "card", "environment": "staging", "status": "bad", "ordering": "-requests"}
    page = signed_in.get("/fleet/", query | {"page": "2"})
    assert marked(page) == []
    saved = signed_in.post(page.context["save_url"], {"name": " Broken  cards ", "team": ""})
    assert saved.status_code == 302
    view = SavedView.objects.get()
    assert (view.name, view.query, view.team) == ("Broken cards", query, None)
    opened = signed_in.get(f"/fleet/views/{view.pk}/", follow=True)
    assert dict(parse_qsl(opened.request["QUERY_STRING"])) == query
    assert marked(opened) == ["Broken cards"]


def test_built_in_views_are_marked_and_keep_the_order_of_parameters_out_of_it(signed_in: Client, viewer: User) -> None:
    keep(viewer, "same as built in")
    answer = signed_in.get("/fleet/?status=failing&page=1&ordering=status")
    assert marked(answer) == ["Failing", "same as built in"]
    assert marked(signed_in.get("/fleet/?lens=health")) == ["All"]
    for link in answer.context["view_links"]:
        assert signed_in.get(link.url, follow=True).status_code == 200


def test_a_name_that_is_refused_stands_beside_its_field_and_nothing_is_lost(
    signed_in: Client, viewer: User, team: Team
) -> None:
    keep(viewer)
    for headers in ({}, {"HX-Request": "true"}):
        answer = signed_in.post(f"{NEW}?lens=cost", {"name": "failing", "team": "fraud"}, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert answer.context["form"].errors == {"name": ["You already have a view with the name Failing."]}
        assert 'value="failing"' in page
        assert '<option value="fraud" selected>' in page
        assert ("<html" in page) == (not headers)
        assert f'action="{NEW}?lens=cost"' in page


def test_a_view_is_replaced_only_by_who_says_so(signed_in: Client, viewer: User, deployer: User, team: Team) -> None:
    kept, others = keep(viewer, team=team), keep(deployer, team=team)
    asked = {"name": "failing", "team": ""}
    assert 'name="replace"' not in signed_in.get(f"{NEW}?lens=cost").content.decode()
    assert 'name="replace"' in signed_in.post(f"{NEW}?lens=cost", asked).content.decode()
    kept.refresh_from_db()
    assert kept.query == FAILING
    assert signed_in.post(f"{NEW}?lens=cost", asked | {"replace": "on"}).status_code == 302
    kept.refresh_from_db()
    others.refresh_from_db()
    assert (kept.query, kept.name, kept.team) == ({"lens": "cost"}, "failing", None)
    assert (others.query, SavedView.objects.count()) == (FAILING, 2)


def test_htmx_saves_and_goes_to_the_fleet(signed_in: Client) -> None:
    form = signed_in.get(f"{NEW}?lens=cost", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in form
    answer = signed_in.post(f"{NEW}?lens=cost", {"name": "Costs"}, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == "/fleet/?lens=cost"


@pytest.mark.parametrize("query", ["lens=x", "team=nobody", "status=x", "lens=cost&status=failing", "q=%00"])
def test_what_the_fleet_would_refuse_is_not_kept(signed_in: Client, query: str) -> None:
    for answer in (signed_in.get(f"{NEW}?{query}"), signed_in.post(f"{NEW}?{query}", {"name": "wrong"})):
        assert answer.headers["Location"] == "/fleet/views/"
    page = signed_in.get("/fleet/views/").content.decode()
    assert page.count("This cannot be saved as a view.") == 2
    fragment = signed_in.get(f"{NEW}?{query}", headers={"HX-Request": "true"})
    assert fragment.headers["HX-Redirect"] == "/fleet/views/"
    assert not SavedView.objects.exists()


def test_a_view_of_what_is_gone_opens_without_it_and_says_so(signed_in: Client, viewer: User, team: Team) -> None:
    EnvironmentFactory.create(slug="qa")
    view = keep(viewer, query={**FAILING, "team": "fraud", "environment": "qa"})
    Environment.objects.filter(slug="qa").delete()
    answer = signed_in.get(f"/fleet/views/{view.pk}/")
    assert answer.headers["Location"] == "/fleet/?team=fraud&lens=health&status=failing"
    [message] = get_messages(answer.wsgi_request)
    assert str(message) == "Some filters of Failing no longer exist and were left out: environment qa."
    assert signed_in.get("/fleet/views/").status_code == 200


def test_a_team_that_the_reader_is_not_in_is_left_out_of_a_shared_view(
    client: Client, viewer: User, admin: User, team: Team, other_team: Team
) -> None:
    view = keep(admin, query={"lens": "health", "team": "pricing"}, team=team)
    client.force_login(viewer)
    assert client.get(f"/fleet/views/{view.pk}/").headers["Location"] == "/fleet/?lens=health"


def test_the_fleet_opens_with_the_default_and_all_is_one_click_away(
    signed_in: Client, viewer: User, deployer: User, team: Team
) -> None:
    keep(deployer, "not mine", team=team, is_default=True)
    assert signed_in.get("/fleet/").status_code == 200
    view = keep(viewer, is_default=True)
    assert signed_in.get("/fleet/").headers["Location"] == f"/fleet/views/{view.pk}/"
    assert signed_in.get("/fleet/", headers={"HX-Request": "true"}).status_code == 200
    opened = signed_in.get("/fleet/", follow=True)
    assert opened.request["QUERY_STRING"] == "lens=health&status=failing"
    every = opened.context["view_links"][0]
    assert marked(signed_in.get(every.url)) == ["All"]


def test_the_owner_renames_shares_and_deletes(signed_in: Client, viewer: User, team: Team) -> None:
    view = keep(viewer)
    url = f"/fleet/views/{view.pk}/"
    assert signed_in.post(f"{url}edit/", {"name": ""}).status_code == 422
    assert signed_in.post(f"{url}edit/", {"name": "Ours", "team": "fraud", "is_default": "on"}).status_code == 302
    view.refresh_from_db()
    assert (view.name, view.team, view.is_default, view.query) == ("Ours", team, True, FAILING)
    assert "Members of Fraud" in signed_in.get(f"{url}delete/").content.decode()
    assert signed_in.post(f"{url}delete/").status_code == 302
    assert signed_in.get(url).status_code == 404


def test_members_open_a_shared_view_and_only_team_admins_change_it(
    client: Client, viewer: User, deployer: User, owner: User, stranger: User, team: Team
) -> None:
    view = keep(viewer, team=team, is_default=True)
    url = f"/fleet/views/{view.pk}/"
    client.force_login(deployer)
    assert [client.get(one).status_code for one in (url, f"{url}edit/", f"{url}delete/")] == [302, 403, 403]
    assert [client.post(f"{url}{verb}/", {"name": "x"}).status_code for verb in ("edit", "delete")] == [403, 403]
    assert [row["may_change"] for row in client.get("/fleet/views/").context["rows"]] == [False]
    client.force_login(stranger)
    assert [client.get(one).status_code for one in (url, f"{url}edit/", f"{url}delete/")] == [404, 404, 404]
    client.force_login(owner)
    assert "is_default" not in client.get(f"{url}edit/").context["form"].fields
    assert client.post(f"{url}edit/", {"name": "renamed", "team": "fraud"}).status_code == 302
    view.refresh_from_db()
    assert (view.name, view.is_default, view.team) == ("renamed", True, team)
    client.logout()
    assert client.get(url).status_code == client.get(NEW).status_code == 302


def test_an_empty_list_says_what_a_view_is(signed_in: Client) -> None:
    assert "No views yet" in signed_in.get("/fleet/views/").content.decode()


def test_fleet_list_and_api_cost_the_same_for_one_view_and_for_twenty(
    client: Client, viewer: User, deployer: User, team: Team, api_as: Callable[..., Any]
) -> None:
    client.force_login(viewer)
    asked = [(client, "/fleet/?lens=health"), (client, "/fleet/views/"), (api_as(viewer), API)]
    keep(viewer, "0")
    few = [[_queries(*one) for one in asked] for _ in range(2)][-1]
    for number in range(1, 20):
        keep(viewer if number % 2 else deployer, str(number), team=team)
    assert [_queries(*one) for one in asked] == few
    fleet = client.get("/fleet/?lens=health")
    assert (len(fleet.context["view_links"]), fleet.context["more_views"]) == (13, True)


def _queries(client: Any, url: str) -> int:
    with CaptureQueriesContext(connection) as found:
        assert client.get(url).status_code == 200
    return len(found)


def test_a_program_keeps_reads_changes_and_deletes_a_view(api_as: Callable[..., Any], viewer: User, team: Team) -> None:
    client = api_as(viewer)
    body = {"name": "Failing", "query": {"status": "failing", "team": "fraud"}, "team": "fraud"}
    made = client.post(API, body, format="json", headers={"Idempotency-Key": "one"})
    again = client.post(API, body, format="json", headers={"Idempotency-Key": "one"})
    assert (made.status_code, again.headers["Idempotent-Replayed"], again.json()) == (201, "true", made.json())
    told, url = made.json(), made.headers["Location"]
    assert told["query"] == {"lens": "health", "status": "failing", "team": "fraud"}
    assert (told["team"], told["owner"], told["is_default"]) == ("fraud", "viewer", False)
    assert client.get(API).json()["results"] == [client.get(url).json()]
    changed = client.patch(url, {"name": "Mine", "team": None}, format="json").json()
    assert (changed["name"], changed["team"], changed["query"]) == ("Mine", None, told["query"])
    changed = client.patch(url, {"query": {"lens": "cost"}, "is_default": True}, format="json").json()
    assert (changed["query"], changed["is_default"], changed["name"]) == ({"lens": "cost"}, True, "Mine")
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "FAILING"}, "name"),
        ({"team": "pricing"}, "team"),
        ({"query": {"lens": "x"}}, "query.lens"),
        ({"query": {"team": "pricing"}}, "query.team"),
        ({"query": {"lens": "cost", "status": "failing"}}, "query.status"),
        ({"query": {"ordering": "x"}}, "query.ordering"),
        ({"query": {"page": "2"}}, "query.page"),
        ({"is_default": "yes"}, "is_default"),
    ],
)
def test_the_api_refuses_by_field(
    api_as: Callable[..., Any], viewer: User, other_team: Team, change: dict[str, Any], field: str
) -> None:
    keep(viewer)
    other = keep(viewer, "other")
    client = api_as(viewer)
    for answer in (
        client.post(API, {"name": "new", **change}, format="json"),
        client.patch(f"{API}{other.pk}/", change, format="json"),
    ):
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    assert SavedView.objects.count() == 2


def test_who_may_not_change_a_view_over_the_api(
    api_as: Callable[..., Any], viewer: User, deployer: User, stranger: User, team: Team
) -> None:
    url = f"{API}{keep(viewer, team=team).pk}/"
    for user, status in ((deployer, 403), (stranger, 404)):
        assert api_as(user).patch(url, {"name": "x"}, format="json").status_code == status
        assert api_as(user).delete(url).status_code == status
    assert api_as(viewer, TokenScope.READ).patch(url, {"name": "x"}, format="json").status_code == 403
    assert SavedView.objects.get().name == "Failing"
