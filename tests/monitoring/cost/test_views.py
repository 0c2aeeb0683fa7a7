"""The pages of costs: who sees what, that figures add up, and what is told when they do not."""

import csv
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.urls import reverse

from monitoring.health.models import COARSE
from monitoring.models import BillingSource, CostKind, HealthBucket, Reconciliation
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import page_of, queries
from tests.monitoring.cost.costs import LAUNCH, NOW, spent

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
URL = reverse("monitoring:cost")
MODEL_URL = reverse("monitoring:model_cost", args=["staging.fraud.card_fraud"])
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _on_the_twentieth(monkeypatch):
    for module in ("cost.views", "cost.filters"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NOW))


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")


@pytest.fixture
def source(workspace):
    return BillingSource.objects.create(workspace=workspace, read_at=NOW, newest_usage=TODAY)


def rows_of(client, query=""):
    text = page_of(client, f"{URL}?format=csv&{query}")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_month_its_forecast_and_its_deployments_are_shown(client, viewer, deployment, source):
    for day in range(1, 20):
        spent(deployment, date(2026, 11, day), "10")
    spent(deployment, date(2026, 10, 5), "100")
    client.force_login(viewer)
    page = page_of(client, URL)
    for text in ("card-fraud", "190.00 USD", "+90 %", "100.00 USD", "November 2026", "300.00 USD"):
        assert text in page, text
    assert "delayed" not in page


def test_each_sees_the_costs_of_his_teams_and_only_platform_admins_what_is_nobodys(
    client, viewer, stranger, admin, deployment, source
):
    spent(deployment, TODAY, "12.34")
    spent(None, TODAY, "5.67", workspace=deployment.workspace, endpoint_name="by-hand")
    Reconciliation.objects.create(
        workspace=deployment.workspace,
        month=date(2026, 11, 1),
        currency="USD",
        source_total=Decimal("18.01"),
        our_total=Decimal("18.01"),
        checked_at=NOW,
    )
    seen = {}
    for person in (viewer, stranger, admin):
        client.force_login(person)
        seen[person] = page_of(client, URL)
    assert "12.34 USD" in seen[viewer]
    assert "by-hand" not in seen[viewer]
    assert "Difference" not in seen[viewer]
    assert "card-fraud" not in seen[stranger]
    assert "12.34" not in seen[stranger]
    for text in ("18.01 USD", "by-hand", "5.67 USD", "slipway_deployment", "0.00"):
        assert text in seen[admin], text


def test_a_difference_to_the_source_is_shown(client, admin, deployment, source):
    Reconciliation.objects.create(
        workspace=deployment.workspace,
        month=date(2026, 11, 1),
        currency="USD",
        source_total=Decimal("18.02"),
        our_total=Decimal("18.01"),
        checked_at=NOW,
    )
    client.force_login(admin)
    assert "0.01" in page_of(client, URL)


def test_nobody_unknown_sees_costs(client, deployment):
    for address in (URL, MODEL_URL):
        assert client.get(address).status_code == 302


def test_a_csv_has_the_rows_of_the_screen(client, viewer, deployment, model_version, deployer, source):
    other = make_deployment(model_version, deployer, "other", endpoint_id="e2")
    spent(deployment, TODAY, "1.005")
    spent(other, TODAY, "7", kind=CostKind.LAUNCH, sku=LAUNCH)
    client.force_login(viewer)
    assert [(row["deployment"], row["cost"]) for row in rows_of(client)] == [("other", "7.00"), ("card-fraud", "1.01")]
    assert [row["deployment"] for row in rows_of(client, "ordering=name")] == ["card-fraud", "other"]
    assert [row["deployment"] for row in rows_of(client, "q=card-fraud")] == ["card-fraud"]
    assert [row["deployment"] for row in rows_of(client, "q=other")] == ["other"]
    assert rows_of(client, "month=2026-10") == []


@pytest.mark.parametrize("group", ["", "team", "model", "environment", "kind"])
def test_bars_are_grouped_as_the_address_says(client, viewer, deployment, source, group):
    spent(deployment, TODAY, "7", kind=CostKind.LAUNCH, sku=LAUNCH)
    spent(deployment, TODAY, "3")
    client.force_login(viewer)
    page = page_of(client, f"{URL}?group={group}")
    named = {"": "card-fraud in Staging", "team": "Fraud", "model": "staging.fraud.card_fraud", "kind": "Cold starts"}
    assert f'class="num">{named.get(group, "Staging")}</th>' in page
    assert "2026-11-20" in page


@pytest.mark.parametrize("query", ["month=2001-01", "month=x", "group=x", "ordering=x", "team=none", "q=%00"])
def test_what_cannot_be_asked_is_told_and_shows_nothing(client, viewer, deployment, source, query):
    spent(deployment, TODAY, "7")
    client.force_login(viewer)
    page = page_of(client, f"{URL}?{query}", 400)
    assert "Invalid filter" in page


def test_a_currency_of_its_own_is_one_click_away_and_never_added(client, viewer, deployment, source):
    spent(deployment, TODAY, "7")
    spent(deployment, date(2026, 11, 19), "8")
    spent(deployment, TODAY, "5", currency="EUR")
    client.force_login(viewer)
    page = page_of(client, URL)
    assert "15.00 USD" in page
    assert "?currency=EUR" in page
    assert "5.00 EUR" in page_of(client, f"{URL}?currency=EUR")


def test_usage_without_a_price_is_told_with_its_unit(client, viewer, deployment, source):
    spent(deployment, TODAY, None, unit="GB", quantity=Decimal("2.5"))
    client.force_login(viewer)
    page = page_of(client, URL)
    assert "Missing price" in page
    assert "2.5 GB" in page


def test_billing_that_is_late_or_forbidden_or_never_came_is_told(client, viewer, deployment, source):
    client.force_login(viewer)
    spent(deployment, TODAY, "1")
    assert "sw-alert" not in page_of(client, URL)
    BillingSource.objects.update(newest_usage=TODAY - timedelta(days=3))
    assert "delayed" in page_of(client, URL)
    grant = "GRANT SELECT ON SCHEMA system.billing TO `x`;"
    BillingSource.objects.update(error="statement 1: not allowed", grant=grant)
    page = page_of(client, URL)
    assert "No access to the billing tables of main" in page
    assert grant in page
    BillingSource.objects.all().delete()
    assert "No costs yet" in page_of(client, URL)


def test_the_page_of_a_model_shows_its_own(client, viewer, stranger, deployment, source):
    for day in range(1, 20):
        spent(deployment, date(2026, 11, day), "10")
    client.force_login(viewer)
    page = page_of(client, MODEL_URL)
    for text in ("190.00 USD", "300.00 USD", "Number of requests unknown"):
        assert text in page, text
    client.force_login(stranger)
    assert client.get(MODEL_URL).status_code == 404


def test_a_model_that_is_not_deployed_has_no_costs(client, viewer, model_version):
    client.force_login(viewer)
    assert "Not deployed" in page_of(client, MODEL_URL)


def watched(deployment, first, hours, requests):
    """Hourly buckets from midnight of ``first`` on; requests come in every other hour."""
    for number in range(hours):
        start = datetime.combine(first, time(), UTC) + timedelta(hours=number)
        asked = requests if number % 2 else 0
        HealthBucket.objects.create(
            deployment=deployment, version="3", width=COARSE, start=start, minutes=60, requests=asked
        )


def test_what_a_thousand_predictions_cost_and_how_long_nobody_asked(client, viewer, deployment, source):
    spent(deployment, date(2026, 11, 18), "6")
    spent(deployment, TODAY, "6")
    watched(deployment, date(2026, 11, 18), 24, 500)
    client.force_login(viewer)
    (row,) = rows_of(client)
    assert (row["requests"], row["per_1000_predictions"], row["idle_share"]) == ("6000", "2.0000", "0.50")
    assert "2.00 USD" in page_of(client, MODEL_URL)


def test_what_was_paid_before_anybody_counted_is_not_spread_over_too_few_requests(client, viewer, deployment, source):
    spent(deployment, date(2026, 11, 2), "6")
    watched(deployment, date(2026, 11, 18), 24, 500)
    client.force_login(viewer)
    (row,) = rows_of(client)
    assert (row["requests"], row["per_1000_predictions"], row["idle_share"]) == ("", "", "")


def test_one_row_and_twenty_cost_the_same(client, admin, deployment, model_version, deployer, source):
    client.force_login(admin)
    spent(deployment, TODAY, "1")
    spent(None, TODAY, "1", workspace=deployment.workspace)
    few = queries(client, URL), queries(client, MODEL_URL)
    for number in range(20):
        spent(make_deployment(model_version, deployer, f"d{number}", endpoint_id=f"x{number}"), TODAY, "1")
        spent(None, TODAY, "1", workspace=deployment.workspace, endpoint_id=f"lost{number}")
    assert (queries(client, URL), queries(client, MODEL_URL)) == few
    assert few[0] <= 22
