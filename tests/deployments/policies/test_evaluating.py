"""Judging a planned run: which facts count, what is kept, and how long an override holds."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from deployments.models import Budget, ChangeKind, MonthSpend, PolicyResult, StageRecord, TestRequest
from deployments.policies.evaluating import Outcome, evaluate
from deployments.policies.facts import Budgeted, Money, collect
from deployments.policies.services import edit_policy
from deployments.runs.statuses import RunKind, RunStatus
from tests.deployments.conftest import give_plan, make_deployment, make_run
from tests.deployments.policies.holding import clear, hold, only
from tests.factories import EnvironmentFactory

pytestmark = pytest.mark.django_db
RESIZE = {
    "type": "databricks_model_serving",
    "action": "update",
    "attributes": [{"path": "config[0].served_entities[0].workload_size", "is_unknown": False}],
}


@pytest.fixture
def run(deployment):
    run = make_run(deployment, RunStatus.POLICY)
    give_plan(run, variables={"tags": {"team": "fraud"}})
    return run


def price(run, high, **more):
    estimate = {"low": "1", "high": high, "currency": "USD", **more}
    StageRecord.objects.create(run=run, stage=RunStatus.COST, started_at=timezone.now(), detail={"estimate": estimate})


def outcomes(run):
    return {result.rule: result.outcome for result in evaluate(run)[0]}


# -- facts -----------------------------------------------------------------------------------------


def test_facts_come_from_spec_plan_and_rows(run):
    price(run, "12.50")
    run.deployment.team.monthly_budget = Decimal(100)
    told = collect(run)
    assert (told.environment, told.owner_team, dict(told.tags)) == ("Staging", "Fraud", {"team": "fraud"})
    assert told.estimate == Money(Decimal("12.50"), "USD")
    assert told.budgets == (Budgeted(Money(Decimal(100), "USD")),)
    assert told.spec == run.parsed_spec()
    assert not told.was_live


@pytest.mark.parametrize(
    "detail",
    [
        {},
        {"estimate": None},
        {"estimate": "much"},
        {"estimate": {}},
        {"estimate": {"high": None}},
        {"estimate": {"high": "lots"}},
        {"estimate": {"high": "NaN"}},
    ],
)
def test_a_price_that_cannot_be_read_is_none(run, detail):
    StageRecord.objects.create(run=run, stage=RunStatus.COST, started_at=timezone.now(), detail=detail)
    assert collect(run).estimate is None


def test_the_newest_price_of_the_run_counts(run):
    price(run, 1)
    price(run, 2)
    assert collect(run).estimate == Money(Decimal(2), "USD")


def test_the_other_endpoints_of_the_team_count_towards_its_budget(run, model_version, deployer, stranger):
    run.deployment.team.monthly_budget = Decimal(100)
    for number, high in enumerate(("10", "20")):
        other = make_deployment(model_version, deployer, f"other{number}", endpoint_id=f"e{number}")
        price(make_run(other, RunStatus.SUCCEEDED), "999")
        price(make_run(other, RunStatus.SUCCEEDED), high)
        price(make_run(other, RunStatus.FAILED), "500")
    make_deployment(model_version, deployer, "unpriced", endpoint_id="e9")
    make_deployment(model_version, deployer, "never-there")
    gone = make_deployment(model_version, deployer, "gone", endpoint_id="e8", destroyed_at=timezone.now())
    price(make_run(gone, RunStatus.SUCCEEDED), "70")
    euros = make_deployment(model_version, deployer, "euros", endpoint_id="e7")
    price(make_run(euros, RunStatus.SUCCEEDED), "5", currency="EUR")
    (told,) = collect(run).budgets
    assert (told.committed, told.uncounted) == (Decimal(30), 2)


def test_the_budget_of_the_environment_counts_what_is_there(run, model_version, deployer):
    deployment = run.deployment
    here, elsewhere = deployment.environment, EnvironmentFactory.create(workspace=deployment.workspace)
    deployment.team.monthly_budget = Decimal(100)
    Budget.objects.create(team=deployment.team, environment=here, monthly_amount=10)
    Budget.objects.create(team=deployment.team, environment=elsewhere, monthly_amount=1)
    month = timezone.now().date().replace(day=1)
    for environment, day, amount in ((here, month, 4), (elsewhere, month, 5), (here, date(2020, 1, 1), 70)):
        MonthSpend.objects.create(
            team=deployment.team, environment=environment, month=day, currency="USD", amount=amount, until=month
        )
    other = make_deployment(model_version, deployer, "other", endpoint_id="e1", environment=elsewhere)
    price(make_run(other, RunStatus.SUCCEEDED), "20")
    whole, staging = collect(run).budgets
    assert (whole.place, whole.spent, whole.committed) == ("", Decimal(9), Decimal(20))
    assert (staging.place, staging.spent, staging.committed) == (here.name, Decimal(4), Decimal(0))


def test_a_run_that_destroys_deletes_whatever_its_plan_says(deployment):
    run = make_run(deployment, RunStatus.POLICY, kind=RunKind.DESTROY)
    give_plan(run)
    assert collect(run).kind == ChangeKind.DELETE


@pytest.mark.parametrize(("age_h", "known"), [(1, 1), (23, 1), (25, 0)])
def test_requests_are_known_by_their_age(run, deployer, age_h, known):
    TestRequest.objects.create(
        deployment=run.deployment, requested_by=deployer, body={}, status=TestRequest.Status.ANSWERED
    )
    TestRequest.objects.update(created_at=timezone.now() - timedelta(hours=age_h))
    TestRequest.objects.create(deployment=run.deployment, requested_by=deployer, body={})
    assert collect(run).traffic(24).requests == known


@pytest.mark.parametrize("how", ["endpoint", "served", "run"])
def test_an_endpoint_that_was_ever_there_may_have_callers(run, how):
    deployment = run.deployment
    if how == "run":
        make_run(deployment, RunStatus.SUCCEEDED)
    elif how == "endpoint":
        deployment.endpoint_id = "e1"
    else:
        deployment.served = [{"entity_version": "3"}]
    assert not collect(run).traffic(24).is_complete


# -- which policies hold ---------------------------------------------------------------------------


def test_a_policy_holds_in_its_place_and_nowhere_else(run):
    only("inference_table", "mandatory", environment="staging")
    assert outcomes(run) == {"inference_table": Outcome.MANDATORY}
    for place in ({"environment": "prod"}, {"risk": "high"}, {"change": "create"}):
        only("inference_table", "mandatory", None, **place)
        assert outcomes(run) == {}, place
    only("inference_table", "mandatory", environment="staging", risk="medium", change="replace")
    assert outcomes(run) == {"inference_table": Outcome.MANDATORY}


def test_risk_and_kind_of_change_choose_the_policy(deployment, registered_model):
    registered_model.risk = "critical"
    registered_model.save()
    run = make_run(deployment, RunStatus.POLICY)
    give_plan(run, changes=[RESIZE])
    only("second_person", "off")
    hold("second_person", "mandatory", risk="critical", change="resize")
    (result,) = evaluate(run)[0]
    assert (result.outcome, result.asks_approval) == (Outcome.PASSED, True)


def test_without_policies_there_are_no_results(run):
    clear()
    assert evaluate(run) == ([], [])


# -- what is kept ----------------------------------------------------------------------------------


def test_each_result_names_the_version_it_was_judged_by(run, admin):
    policy = only("inference_table", "advisory")
    assert evaluate(run)[0][0].policy_version.number == 1
    edit_policy(policy=policy, version=1, level="mandatory", parameters={}, reason="", actor=admin)
    (result,) = evaluate(run)[0]
    assert (result.policy_version.number, result.outcome) == (2, Outcome.MANDATORY)
    assert PolicyResult.objects.count() == 1


def test_judging_again_changes_nothing_and_is_no_news(run):
    only("inference_table")
    results, news = evaluate(run)
    assert results == news
    again, news = evaluate(run)
    assert (again, news) == (results, [])


def test_what_no_longer_holds_leaves_no_result(run):
    only("inference_table")
    evaluate(run)
    hold("owner_team")
    only("owner_team")
    assert outcomes(run) == {"owner_team": Outcome.PASSED}


def override(result, by):
    PolicyResult.objects.filter(pk=result.pk).update(
        overridden_by=by, overridden_at=timezone.now(), override_reason="agreed"
    )


def test_an_override_holds_while_plan_and_policy_do(run, owner):
    only("inference_table")
    override(evaluate(run)[0][0], owner)
    (result,) = evaluate(run)[0]
    assert not result.is_blocking
    assert result.overridden_by == owner


def test_an_override_is_void_with_another_plan(run, owner):
    only("inference_table")
    override(evaluate(run)[0][0], owner)
    run.plan.sha256 = "6" * 64
    assert evaluate(run)[0][0].is_blocking
    assert PolicyResult.objects.count() == 2, "what was judged before stays"


def test_an_override_is_void_with_another_version_of_the_policy(run, owner, admin):
    policy = only("inference_table")
    override(evaluate(run)[0][0], owner)
    edit_policy(policy=policy, version=1, level="overridable", parameters={}, reason="again", actor=admin)
    assert evaluate(run)[0][0].is_blocking


def test_figures_move_while_a_run_waits_and_stay_once_overridden(run, deployer, owner):
    run.kind = RunKind.DESTROY
    only("idle_before_destroy")
    run.deployment.endpoint_id = "e1"
    ask = {"deployment": run.deployment, "requested_by": deployer, "body": {}, "status": "answered"}
    TestRequest.objects.create(**ask)
    result = evaluate(run)[0][0]
    TestRequest.objects.create(**ask)
    (again,), news = evaluate(run)
    assert (again.pk, news) == (result.pk, [])
    assert "at least 2 requests" in again.message
    override(again, owner)
    TestRequest.objects.create(**ask)
    assert "at least 2 requests" in evaluate(run)[0][0].message
