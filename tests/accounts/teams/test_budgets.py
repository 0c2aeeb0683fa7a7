"""The monthly budget of a team."""

from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from accounts.models import Team

pytestmark = pytest.mark.django_db
API = "/api/v1/teams/fraud/"
PAGE = reverse("accounts:team", args=["fraud"])
FORM = reverse("accounts:budget", args=["fraud"])


def budget_now():
    team = Team.objects.get(slug="fraud")
    return team.monthly_budget, team.budget_currency


def test_a_team_has_no_budget_at_first(team, viewer, api_as, client):
    body = api_as(viewer).get(API).json()
    assert (body["monthly_budget"], body["budget_currency"]) == (None, "USD")
    client.force_login(viewer)
    assert "No budget is set." in client.get(PAGE).content.decode()


@pytest.mark.parametrize("name", ["viewer", "deployer", "approver", "owner", "admin"])
def test_platform_admins_set_it(name, team, client, api_as, request):
    person, may = request.getfixturevalue(name), name == "admin"
    answer = api_as(person).patch(API, {"monthly_budget": "1500.50", "budget_currency": "eur"}, format="json")
    assert answer.status_code == (200 if may else 403)
    assert budget_now() == ((Decimal("1500.50"), "EUR") if may else (None, "USD"))
    client.force_login(person)
    assert (FORM in client.get(PAGE).content.decode()) is may
    answer = client.post(FORM, {"monthly_budget": "99", "budget_currency": "USD"})
    assert answer.status_code == (302 if may else 403)
    assert budget_now() == ((Decimal(99), "USD") if may else (None, "USD"))


def test_it_can_be_taken_away_and_all_of_it_is_in_the_audit_trail(team, admin, api_as, client):
    api_as(admin).patch(API, {"monthly_budget": 100}, format="json")
    client.force_login(admin)
    client.post(FORM, {"monthly_budget": "", "budget_currency": "USD"})
    assert budget_now() == (None, "USD")
    assert "monthly_budget" in LogEntry.objects.get_for_object(team).first().changes


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"monthly_budget": -1},
        {"monthly_budget": "much"},
        {"monthly_budget": 1e300},
        {"monthly_budget": "1.234"},
        {"monthly_budget": 1, "budget_currency": "dollars"},
        {"monthly_budget": 1, "budget_currency": "1$x"},
    ],
)
def test_what_is_no_budget_is_refused(body, team, admin, api_as):
    answer = api_as(admin).patch(API, body, format="json")
    assert answer.status_code == 400
    assert answer.json()["fields"]
    assert budget_now() == (None, "USD")


@pytest.mark.parametrize(
    "body", [{"monthly_budget": "-1", "budget_currency": "USD"}, {"monthly_budget": "1", "budget_currency": "1$x"}]
)
def test_the_page_says_beside_the_field_what_is_wrong(body, team, admin, client):
    client.force_login(admin)
    answer = client.post(FORM, body)
    assert answer.status_code == 400
    assert "invalid-feedback" in answer.content.decode() or "Please correct" in answer.content.decode()
    assert budget_now() == (None, "USD")
