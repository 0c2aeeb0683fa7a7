"""The Cost stage, and where a run shows what it said."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from deployments.models import Lease, PriceTable, StageRecord
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import cost
from deployments.stages.context import Context
from deployments.stages.outcomes import GoOn
from tests.deployments.conftest import give_plan, make_run
from tests.deployments.page_text import page_of, run_url
from tests.deployments.pricing.price_tables import only_prices

pytestmark = pytest.mark.django_db

V2_SMALL = {
    "served_entities": [
        {"entity_version": "2", "workload_type": "CPU", "workload_size": "Small", "scale_to_zero_enabled": False}
    ]
}


@pytest.fixture
def price(deployment):
    """``price(kind=..., **compute)``: the outcome of the stage, its run and the lines it wrote."""

    def ask(kind=RunKind.DEPLOY, rollout=None, **compute):
        spec = {**deployment.spec, "compute": {**deployment.spec["compute"], "scale_to_zero": False, **compute}}
        deployment.spec = spec | ({"rollout": {**spec["rollout"], **rollout}} if rollout else {})
        run = make_run(deployment, RunStatus.COST, kind=kind)
        StageRecord.objects.create(run=run, stage=RunStatus.COST, started_at=timezone.now())
        context = Context(run=run, lease=Lease(run.pk, uuid.uuid4(), 1, recovered=False))
        outcome = cost.run_stage(context)
        context.flush()
        return outcome, run, [(event.level, event.message) for event in run.events.all()]

    return ask


def test_a_run_writes_down_its_price_and_what_it_is_against_now(price, deployment):
    table = only_prices()
    deployment.intended = V2_SMALL
    outcome, run, lines = price(workload_size="Medium")
    assert outcome == GoOn(RunStatus.POLICY, "priced by Test prices, from 2020-01-01")
    # 408.80 to 817.60, of which 204.40 are paid already
    sentence = "about 408.80\N{EN DASH}817.60 USD a month, +204.40 to +613.20 compared with now"
    assert lines == [("info", sentence)]
    assert run.estimate["summary"] == sentence
    assert (run.estimate["low"], run.estimate["high"], run.estimate["currency"]) == ("408.80", "817.60", "USD")
    assert run.estimate["table"]["id"] == table.pk


@pytest.mark.parametrize("is_priced", [False, True])
def test_a_price_that_nobody_knows_stops_no_run(price, is_priced):
    if is_priced:
        only_prices()
    else:
        PriceTable.objects.all().delete()
    outcome, run, ((level, message),) = price(workload_type="GPU_LARGE")
    assert outcome == GoOn(RunStatus.POLICY, "the cost is unknown")
    assert (level, message) == ("warning", run.estimate["problem"])
    assert (run.estimate["low"], run.estimate["high"]) == (None, None)
    assert ("GPU_LARGE Small" in message) == is_priced


def test_a_run_that_destroys_tells_what_it_saves(price, deployment):
    only_prices()
    deployment.intended = V2_SMALL
    outcome, run, ((_, message),) = price(kind=RunKind.DESTROY)
    assert outcome.to == RunStatus.POLICY
    assert (run.estimate["low"], run.estimate["high"]) == ("0.00", "0.00")
    assert message == "no further cost, \N{MINUS SIGN}204.40 compared with now"


@pytest.mark.parametrize(("kind", "high"), [(RunKind.DEPLOY, "204.68"), (RunKind.ROLLBACK, "204.40")])
def test_only_a_run_with_a_rollout_keeps_the_old_version_for_a_while(price, deployment, kind, high):
    only_prices()
    deployment.intended = V2_SMALL
    # Two steps of 30 minutes: 4 DBU/h x 0.07 x 1 h = 0.28
    rollout = {"strategy": "canary", "steps": [10, 100], "bake_minutes": 30}
    assert price(kind=kind, rollout=rollout)[1].estimate["high"] == high


# -- where it is shown -----------------------------------------------------------------------------


@pytest.fixture
def waiting(price):
    """A priced run that waits for approval."""
    only_prices()
    _, run, _ = price(workload_size="Medium")
    run.stages.all().delete()
    now = timezone.now()
    for stage in (RunStatus.PREFLIGHT, RunStatus.PLAN, RunStatus.COST, RunStatus.POLICY, RunStatus.APPROVAL):
        StageRecord.objects.create(run=run, stage=stage, started_at=now)
    StageRecord.note(run.pk, RunStatus.COST, {"estimate": cost.quote_run(run).as_json()})
    type(run).objects.filter(pk=run.pk).update(status=RunStatus.APPROVAL)
    give_plan(run)
    return run


def test_the_cost_tab_shows_price_lines_and_assumptions(client, waiting, viewer):
    client.force_login(viewer)
    page = page_of(client, f"{run_url('run', waiting)}?tab=cost")
    assert "408.80\N{EN DASH}817.60 USD" in page
    assert "+408.80 to +817.60 compared with now" in page
    assert "High: 730 hours at the maximum concurrency of the size." in page
    assert "Test prices, from 2020-01-01" in page


def test_the_approver_reads_the_price_beside_the_plan(client, waiting, approver):
    client.force_login(approver)
    page = page_of(client, f"{run_url('run', waiting)}?tab=approval")
    assert "About 408.80\N{EN DASH}817.60 USD a month, +408.80 to +817.60 compared with now" in page


def test_a_price_that_is_not_known_is_said_on_the_tab(client, price, viewer):
    only_prices()
    _, run, _ = price(workload_type="GPU_LARGE")
    run.stages.all().delete()
    for stage in (RunStatus.PREFLIGHT, RunStatus.PLAN, RunStatus.COST):
        StageRecord.objects.create(run=run, stage=stage, started_at=timezone.now())
    StageRecord.note(run.pk, RunStatus.COST, {"estimate": cost.quote_run(run).as_json()})
    client.force_login(viewer)
    page = page_of(client, f"{run_url('run', run)}?tab=cost")
    assert "Unknown price" in page
    assert "GPU_LARGE Small" in page
    assert "0.00" not in page


def test_a_run_tells_its_estimate_over_the_api(waiting, viewer, api_as):
    told = api_as(viewer).get(f"/api/v1/runs/{waiting.pk}/").json()["estimate"]
    assert (told["low"], told["high"], told["currency"]) == ("408.80", "817.60", "USD")
    assert told["difference"] == {"low": "408.80", "high": "817.60"}
    assert told["summary"].startswith("about 408.80")


def test_a_run_that_was_not_priced_yet_has_no_estimate(run_in, viewer, api_as):
    run = run_in(RunStatus.PLAN)
    assert api_as(viewer).get(f"/api/v1/runs/{run.pk}/").json()["estimate"] is None
