"""What costs and budgets say to the fleet and to alerts."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from deployments.models import Budget, MonthSpend
from monitoring import tasks
from monitoring.cost import importing as cost
from monitoring.cost.telling import tell_costs
from monitoring.models import Alert, BillingSource, Watch
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment
from tests.factories import WorkspaceFactory
from tests.monitoring.cost.costs import spent

pytestmark = pytest.mark.django_db
MONTH = date(2026, 11, 1)


@pytest.fixture
def source(workspace):
    return BillingSource.objects.create(workspace=workspace, newest_usage=MONTH)


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")


def bill(deployment, amount):
    spent(deployment, MONTH, amount)
    MonthSpend.objects.update_or_create(
        team=deployment.team,
        environment=deployment.environment,
        month=MONTH,
        currency="USD",
        defaults={"amount": Decimal(amount), "until": MONTH},
    )


def standing_of(deployment):
    watch = Watch.objects.get(deployment=deployment)
    return watch.cost, watch.cost_reason


@pytest.mark.parametrize(
    ("amount", "standing"),
    [("79.99", Standing.PASSING), ("80", Standing.AT_RISK), ("99.99", Standing.AT_RISK), ("100", Standing.FAILING)],
)
def test_a_budget_is_at_risk_at_80_percent_and_fails_at_100(deployment, source, amount, standing):
    deployment.team.monthly_budget = 100
    deployment.team.save()
    bill(deployment, amount)
    tell_costs(deployment.workspace, MONTH)
    told, reason = standing_of(deployment)
    assert told == standing
    assert f"{amount}" in reason
    assert f"of {100:,.2f} USD" in reason


def test_the_worse_of_two_budgets_is_told(deployment, source):
    deployment.team.monthly_budget = 1000
    deployment.team.save()
    Budget.objects.create(team=deployment.team, environment=deployment.environment, monthly_amount=10)
    bill(deployment, "20")
    tell_costs(deployment.workspace, MONTH)
    assert standing_of(deployment)[0] == Standing.FAILING
    assert "in Staging" in standing_of(deployment)[1]


def test_without_a_budget_a_cost_is_a_cost(deployment, source):
    bill(deployment, "20")
    tell_costs(deployment.workspace, MONTH)
    assert standing_of(deployment) == (Standing.UNKNOWN, "20.00 USD this month. No budget.")


@pytest.mark.parametrize("how", ["never", "refused"])
def test_what_was_not_read_is_unknown(deployment, how):
    if how == "refused":
        BillingSource.objects.create(workspace=deployment.workspace, error="not allowed")
    tell_costs(deployment.workspace, MONTH)
    assert standing_of(deployment)[0] == Standing.UNKNOWN
    assert standing_of(deployment)[1]


def test_a_spent_budget_is_one_alert_however_often_and_for_however_many(deployment, source, model_version, deployer):
    deployment.team.monthly_budget = 10
    deployment.team.save()
    make_deployment(model_version, deployer, "other", endpoint_id="e2")
    bill(deployment, "20")
    for _ in range(3):
        tell_costs(deployment.workspace, MONTH)
    alert = Alert.objects.get()
    assert (alert.deployment, alert.subject) == (deployment, "cost")


def test_each_import_tells_and_a_second_delivery_does_nothing(deployment, monkeypatch):
    read: list[int] = []
    monkeypatch.setattr(cost, "import_costs", read.append)
    for _ in range(2):
        tasks.import_costs(deployment.workspace_id)
    tasks.import_costs(10**9)
    assert read == [deployment.workspace_id]
    assert Watch.objects.filter(deployment=deployment).exclude(cost_reason="").exists()


def test_a_workspace_with_an_environment_is_read_at_once_and_then_every_hour(environment, monkeypatch):
    sent: list[int] = []
    monkeypatch.setattr(tasks.import_costs, "apply_async", lambda args, **_: sent.append(args[0]))
    WorkspaceFactory.create()
    for age, due in ((None, True), (timedelta(minutes=59), False), (timedelta(minutes=60), True)):
        if age is not None:
            BillingSource.objects.update_or_create(
                workspace=environment.workspace, defaults={"tried_at": timezone.now() - age}
            )
        sent.clear()
        tasks.import_all_costs()
        assert sent == ([environment.workspace_id] if due else []), age
