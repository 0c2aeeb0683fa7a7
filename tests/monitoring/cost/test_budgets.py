"""Budgets beside what was spent: who sees and sets them, and what they say."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from deployments.models import Budget
from monitoring.cost.budgets import budget_lines
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import page_of, queries
from tests.factories import TeamFactory
from tests.monitoring.cost.costs import NOW, spent

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
URL = reverse("monitoring:budgets")
API = "/api/v1/budgets/"
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _on_the_twentieth(monkeypatch):
    for module in ("cost.budget_views", "cost.views"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NOW))


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")


@pytest.mark.parametrize(
    ("amount", "tone", "words"),
    [("1000", "ok", "Within"), ("110", "warn", "Nearly"), ("100", "bad", "approval"), ("0", "bad", "approval")],
)
def test_a_budget_says_how_much_of_it_is_spent(viewer, team, deployment, amount, tone, words):
    spent(deployment, date(2026, 11, 2), "60")
    spent(deployment, TODAY, "40")
    spent(deployment, date(2026, 10, 31), "5000")
    team.monthly_budget = Decimal(amount)
    team.save()
    (line,) = budget_lines(viewer, NOW)
    assert (line.spent, line.tone) == (Decimal(100), tone)
    assert words in line.standing


def test_a_forecast_over_the_budget_is_a_warning(viewer, team, deployment):
    for day in range(1, 21):
        spent(deployment, date(2026, 11, day), "3")
    Budget.objects.create(team=team, environment=deployment.environment, monthly_amount=80)
    (line,) = budget_lines(viewer, NOW)
    assert (line.spent, line.forecast, line.tone) == (Decimal(60), Decimal(90), "warn")


def test_before_the_first_import_nothing_is_within_a_budget(viewer, team, environment):
    Budget.objects.create(team=team, environment=environment, monthly_amount=80)
    (line,) = budget_lines(viewer, NOW)
    assert (line.spent, line.tone) == (None, "unknown")


def test_other_currencies_do_not_count(viewer, team, deployment):
    spent(deployment, TODAY, "40", currency="EUR")
    Budget.objects.create(team=team, environment=deployment.environment, monthly_amount=80)
    (line,) = budget_lines(viewer, NOW)
    assert line.spent == 0


def form_of(environment, amount="12.50", currency="usd"):
    return {"team": "fraud", "environment": environment, "monthly_amount": amount, "currency": currency}


@pytest.mark.parametrize(
    ("name", "everywhere", "here"),
    [
        ("viewer", False, False),
        ("deployer", False, False),
        ("approver", False, False),
        ("owner", False, True),
        ("stranger", False, False),
        ("admin", True, True),
    ],
)
def test_team_admins_set_what_is_spent_in_an_environment_and_platform_admins_all(
    name, everywhere, here, team, environment, client, api_as, request
):
    person = request.getfixturevalue(name)
    client.force_login(person)
    for place, may in (("", everywhere), (environment.slug, here)):
        answer = client.post(URL, form_of(place))
        assert (answer.status_code == 302) is may, place
        told = api_as(person).post(API, {**form_of(place or None), "team": "fraud"}, format="json")
        assert (told.status_code == 200) is may, told.content
    team.refresh_from_db()
    assert team.monthly_budget == (Decimal("12.50") if everywhere else None)
    assert Budget.objects.count() == int(here)


def test_setting_and_taking_away_is_in_the_audit_trail(team, environment, owner, client):
    client.force_login(owner)
    client.post(URL, form_of(environment.slug))
    client.post(URL, form_of(environment.slug, "20"))
    assert Budget.objects.get().monthly_amount == 20
    client.post(URL, form_of(environment.slug, ""))
    assert not Budget.objects.exists()
    entries = LogEntry.objects.filter(content_type__model="budget").order_by("pk")
    assert [entry.get_action_display() for entry in entries] == ["create", "update", "delete"]
    assert all(entry.actor == owner for entry in entries)


@pytest.mark.parametrize(("amount", "currency"), [("-1", "USD"), ("much", "USD"), ("1.234", "USD"), ("1", "1$x")])
def test_what_is_no_budget_is_refused_by_page_and_api(team, environment, owner, client, api_as, amount, currency):
    client.force_login(owner)
    assert client.post(URL, form_of(environment.slug, amount, currency)).status_code == 422
    answer = api_as(owner).post(API, form_of(environment.slug, amount, currency), format="json")
    assert (answer.status_code, bool(answer.json()["fields"])) == (400, True)
    assert not Budget.objects.exists()


def test_each_sees_the_budgets_of_his_teams(team, environment, viewer, stranger, admin, client, api_as, deployment):
    Budget.objects.create(team=team, environment=environment, monthly_amount=1234)
    spent(deployment, TODAY, "617")
    for person, sees in ((viewer, True), (stranger, False), (admin, True)):
        client.force_login(person)
        assert ("1,234.00 USD" in page_of(client, URL)) is sees
        rows = api_as(person).get(API).json()
        assert [row["monthly_amount"] for row in rows] == (["1234.00"] if sees else [])


def test_one_budget_and_twenty_cost_the_same(admin, client, environment, team):
    client.force_login(admin)
    Budget.objects.create(team=team, environment=environment, monthly_amount=1)
    few = queries(client, URL)
    for _ in range(20):
        Budget.objects.create(team=TeamFactory.create(monthly_budget=5), environment=environment, monthly_amount=1)
    assert queries(client, URL) == few
