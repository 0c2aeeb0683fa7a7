"""What could be saved, and what runs were estimated to cost beside what they did."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.urls import reverse

from deployments.models import Draft, StageRecord
from deployments.runs.statuses import RunStatus
from monitoring.cost import costing
from monitoring.cost.estimates import estimate_checks
from monitoring.cost.savings import savings
from monitoring.health.models import COARSE
from monitoring.models import BillingSource, CostDay, CostKind, HealthBucket
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.page_text import page_of, queries
from tests.deployments.pricing.price_tables import only_prices
from tests.monitoring.cost.costs import NOW, spent

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
URL = reverse("monitoring:cost")
TODAY = date(2026, 11, 20)
ENTITY = {"entity_version": "3", "workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": False}


@pytest.fixture(autouse=True)
def _on_the_twentieth(monkeypatch):
    for module in ("cost.views", "cost.filters"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NOW))


def always_on(version, user, name="card-fraud", **values):
    made = make_deployment(
        version, user, name, endpoint_id=f"id-{name}", intended={"served_entities": [ENTITY]}, **values
    )
    made.spec["compute"]["scale_to_zero"] = False
    made.save()
    for day in range(14, 21):
        spent(made, date(2026, 11, day), "24")
    return made


@pytest.fixture
def deployment(model_version, deployer, workspace):
    BillingSource.objects.create(workspace=workspace, read_at=NOW, newest_usage=TODAY)
    return always_on(model_version, deployer)


def watch(deployment, busy_every, days=15):
    """Hourly buckets of the last ``days`` days; every ``busy_every``-th hour has requests, none for 0."""
    start = datetime.combine(TODAY - timedelta(days=days), time(), UTC)
    HealthBucket.objects.bulk_create(
        HealthBucket(
            deployment=deployment,
            version="3",
            width=COARSE,
            start=start + timedelta(hours=number),
            minutes=60,
            requests=9 if busy_every and number % busy_every == 0 else 0,
        )
        for number in range(days * 24)
    )


def found(user):
    return savings(user, costing.load(costing.costs_of(user), NOW), NOW)


def test_an_endpoint_that_nobody_asked_for_two_weeks_could_go(viewer, deployment):
    watch(deployment, 0)
    (saving,) = found(viewer)
    # Six days of 24 in the seven complete days that ended yesterday.
    assert (saving.kind, round(saving.monthly, 2)) == ("unused", Decimal("625.71"))


def test_one_request_is_a_use(viewer, deployment):
    watch(deployment, 14 * 24)
    assert [saving.kind for saving in found(viewer)] == ["idle"]


def test_what_is_always_on_and_seldom_asked_could_scale_to_zero(viewer, deployment):
    watch(deployment, 4)
    (saving,) = found(viewer)
    assert saving.kind == "idle"
    assert "75 %" in saving.reason
    deployment.spec["compute"]["scale_to_zero"] = True
    deployment.save()
    assert found(viewer) == []


def test_what_is_asked_most_hours_saves_nothing(viewer, deployment):
    watch(deployment, 1)
    assert found(viewer) == []


@pytest.mark.parametrize("days", [0, 5, 13])
def test_hours_that_nobody_watched_prove_nothing(viewer, deployment, days):
    watch(deployment, 0, days)
    assert found(viewer) == []


def test_a_version_without_traffic_could_go(viewer, deployment):
    only_prices()
    old = {**ENTITY, "entity_version": "2"}
    deployment.intended = {"served_entities": [ENTITY, old]}
    deployment.served = [{"entity_version": "3", "traffic": 100}, {"entity_version": "2", "traffic": 0}]
    deployment.save()
    (saving,) = found(viewer)
    # Four DBU an hour at 0.07 USD, for 730 hours.
    assert (saving.kind, saving.version, saving.monthly) == ("no_traffic", "2", Decimal("204.40"))
    deployment.intended["served_entities"][1]["scale_to_zero_enabled"] = True
    deployment.save()
    assert found(viewer) == []


def test_while_a_run_is_at_it_nothing_is_suggested(viewer, deployment):
    watch(deployment, 0)
    make_run(deployment, RunStatus.ROLLOUT)
    assert found(viewer) == []


def test_a_saving_is_one_click_away_for_those_who_may(client, viewer, deployer, stranger, deployment):
    watch(deployment, 4)
    link = f"{reverse('deployments:wizard_start')}?deployment={deployment.pk}&amp;scale_to_zero=true"
    for person, sees, may in ((viewer, True, False), (deployer, True, True), (stranger, False, False)):
        client.force_login(person)
        page = page_of(client, URL)
        assert (">Savings<" in page, link in page) == (sees, may)
    client.force_login(deployer)
    answer = client.get(reverse("deployments:wizard_start"), {"deployment": deployment.pk, "scale_to_zero": "true"})
    draft = Draft.objects.get()
    assert answer.url == reverse("deployments:wizard_step", args=[draft.pk, "review"])
    assert draft.answers["compute"]["scale_to_zero"] is True
    assert draft.answers["compute"]["workload_size"] == deployment.spec["compute"]["workload_size"]


def test_one_saving_and_twenty_cost_the_same(client, deployer, deployment, model_version):
    watch(deployment, 0)
    client.force_login(deployer)
    few = queries(client, URL)
    for number in range(20):
        watch(always_on(model_version, deployer, f"d{number}"), 0)
    assert len(found(deployer)) == 21
    assert queries(client, URL) == few


# -- estimates ---------------------------------------------------------------------------------------


def ended(deployment, day, low="300", high="900", **values):
    run = make_run(deployment, RunStatus.SUCCEEDED, finished_at=datetime.combine(day, time(9), UTC), **values)
    estimate = {"low": low, "high": high, "currency": "USD"}
    StageRecord.objects.create(run=run, stage=RunStatus.COST, started_at=NOW, detail={"estimate": estimate})
    return run


def checks(deployment, user, last=TODAY - timedelta(days=1)):
    return estimate_checks(deployment, costing.costs_of(user).filter(deployment=deployment), last, "USD")


def test_a_run_is_judged_by_its_whole_days_until_the_next(viewer, deployment):
    first, second = ended(deployment, date(2026, 11, 13)), ended(deployment, date(2026, 11, 16), "1", "100")
    new, old = checks(deployment, viewer)
    assert (old.run, old.days, old.actual) == (first, 2, Decimal(730))
    assert (new.run, new.days, new.actual) == (second, 3, Decimal(730))
    assert (old.error_percent, new.error_percent) == (Decimal(0), Decimal(630))
    assert new.is_preliminary


def test_a_bill_below_the_estimate_is_off_by_less_than_nothing(viewer, deployment):
    ended(deployment, date(2026, 11, 13), "1460", "2000")
    assert checks(deployment, viewer)[0].error_percent == Decimal(-50)


def test_jobs_are_in_no_estimate(viewer, deployment):
    ended(deployment, date(2026, 11, 13))
    spent(deployment, date(2026, 11, 15), "999", kind=CostKind.MONITORING_JOB, endpoint_id="", job="Slipway: x")
    assert checks(deployment, viewer)[0].actual == Decimal(730)


def test_before_the_first_whole_day_nobody_knows(viewer, deployment):
    ended(deployment, TODAY)
    CostDay.objects.all().delete()
    for last in (TODAY, None):
        (check,) = checks(deployment, viewer, last)
        assert (check.actual, check.days, check.error_percent) == (None, 0, None)


@pytest.mark.parametrize("told", [None, "x", {"low": None, "high": None, "currency": "USD"}, {"low": "1", "high": "2"}])
def test_an_estimate_that_cannot_be_read_is_none(viewer, deployment, told):
    run = ended(deployment, date(2026, 11, 13))
    StageRecord.objects.filter(run=run).update(detail={"estimate": told})
    (check,) = checks(deployment, viewer)
    assert (check.low, check.error_percent) == (None, None)
    assert check.actual is not None


def test_the_page_of_the_model_shows_both(client, viewer, deployment):
    ended(deployment, date(2026, 11, 13))
    client.force_login(viewer)
    page = page_of(client, reverse("monitoring:model_cost", args=["staging.fraud.card_fraud"]))
    for text in (
        "Estimate accuracy",
        "730.00 USD",
        "within the estimate",
        "6 full days",
        "&quot;label&quot;: &quot;run #",
    ):
        assert text in page, text
