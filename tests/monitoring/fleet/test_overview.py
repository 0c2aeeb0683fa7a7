"""The head of the fleet: figures that lead to what they count, runs under way, and what fires."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team, User
from catalog.models import ModelVersion
from deployments.models import Deployment
from deployments.runs.statuses import RunStatus
from monitoring.alerts.states import AlertState, AlertSubject, Severity
from monitoring.cost.importing import import_costs
from monitoring.models import Alert
from monitoring.watched import watch
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment, make_run, sent
from tests.monitoring.cost.costs import Billing, usage
from tests.monitoring.fleet.reading import read_now

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
__all__ = ["sent"]


@pytest.fixture
def three(model_version: ModelVersion, deployer: User) -> list[Deployment]:
    """One that fails, one that passes, and one that nobody watches."""
    made = [make_deployment(model_version, deployer, f"endpoint-{number}") for number in range(3)]
    for deployment, standing in zip(made, ("failing", "passing"), strict=False):
        read_now(deployment)
        watch.note(deployment.pk, health=standing, health_reason="so", requests_24h=100.0)
    return made


def fire(deployment: Deployment, state: AlertState = AlertState.FIRING, key: str = "") -> Alert:
    now = timezone.now()
    return Alert.objects.create(
        deployment=deployment, subject=AlertSubject.HEALTH, key=key, state=state, severity=Severity.CRITICAL,
        standing=Standing.FAILING, reason="5 % errors", opened_at=now, fired_at=now, reported_at=now,
    )  # fmt: skip


def bill(deployment: Deployment, *rows: dict[str, Any]) -> None:
    """Import ``rows`` into the workspace of ``deployment``."""
    source: Any = Billing(list(rows))
    import_costs(deployment.workspace_id, connect=source, now=timezone.now())


def cost(deployment: Deployment | None, price: str) -> dict[str, Any]:
    """A usage row of today; of an endpoint that belongs to nobody without a ``deployment``."""
    name = deployment.name if deployment else "lost"
    tag = str(deployment.pk) if deployment else ""
    today = timezone.now().astimezone(UTC).date().isoformat()
    return usage(today, "1", endpoint_id=name, endpoint_name=name, tag=tag, currency="EUR", price=price)


def figures(client: Client, user: User) -> dict[str, Any]:
    client.force_login(user)
    return {figure.key: figure for figure in client.get("/fleet/").context["figures"]}


def test_figures_count_what_they_lead_to(client: Client, three: list[Deployment], viewer: User) -> None:
    make_run(three[0], RunStatus.PLAN)
    make_run(three[1], RunStatus.APPROVAL)
    make_run(three[2], RunStatus.SUCCEEDED)
    fire(three[0])
    fire(three[1], AlertState.SNOOZED)
    found = figures(client, viewer)
    values = {key: figure.value for key, figure in found.items()}
    assert values == {
        "models": "1", "requests": "200", "failing": "1", "at_risk": "0", "unknown": "1",
        "alerts": "1", "runs": "1", "approval": "1", "cost": "unknown",
    }  # fmt: skip
    for key in ("failing", "unknown", "approval"):
        assert client.get(found[key].url).context["page"].paginator.count == int(found[key].value)
    assert client.get(found["alerts"].url).context["page"].paginator.count == 1
    assert all(client.get(figure.url).status_code == 200 for figure in found.values())


def test_runs_under_way_and_what_fires_are_shown_and_linked(
    client: Client, three: list[Deployment], viewer: User
) -> None:
    run, alert = make_run(three[0], RunStatus.PLAN), fire(three[1])
    client.force_login(viewer)
    for url in ("/fleet/", "/fleet/?lens=cost", "/fleet/now/"):
        page = client.get(url).content.decode()
        assert f"/runs/{run.pk}/" in page
        assert f"/alerts/{alert.pk}/" in page
        assert 'hx-get="/fleet/now/"' in page
        assert "every 30s" in page
    assert "Active runs" not in client.get("/fleet/", headers={"HX-Request": "true"}).content.decode()


def test_the_month_stands_beside_the_budget_and_is_unknown_until_it_was_read(
    client: Client, three: list[Deployment], viewer: User, team: Team
) -> None:
    Team.objects.filter(pk=team.pk).update(monthly_budget=Decimal(10), budget_currency="EUR")
    found = figures(client, viewer)["cost"]
    assert (found.value, found.note, found.tone) == ("unknown", "of 10.00 EUR", "")
    bill(three[0])
    assert figures(client, viewer)["cost"].value == "0.00 EUR"
    bill(three[0], cost(three[0], "12.345"))
    found = figures(client, viewer)["cost"]
    assert (found.value, found.tone) == ("12.35 EUR", "bad")


def test_the_month_is_that_of_the_cost_page_for_whoever_looks(
    client: Client, three: list[Deployment], viewer: User, admin: User, stranger: User
) -> None:
    bill(three[0], cost(three[0], "1.004"), cost(three[1], "2.004"), cost(None, "40"))
    for user, month in ((viewer, "3.01 EUR"), (admin, "43.01 EUR")):
        assert figures(client, user)["cost"].value == month
        assert month in client.get("/cost/").content.decode()
    assert figures(client, stranger)["cost"].value == "unknown"


def test_strangers_see_nothing_of_it(client: Client, three: list[Deployment], stranger: User) -> None:
    make_run(three[0], RunStatus.PLAN)
    fire(three[0])
    values = {figure.value for figure in figures(client, stranger).values()}
    assert values == {"0", "unknown"}
    page = client.get("/fleet/now/").content.decode()
    assert "endpoint-0" not in page
    client.logout()
    assert client.get("/fleet/now/").status_code == 302


def test_the_head_costs_the_same_for_one_deployment_and_for_twenty(
    client: Client, model_version: ModelVersion, deployer: User, viewer: User
) -> None:
    client.force_login(viewer)
    counts = []
    for total in (1, 20):
        for number in range(Deployment.objects.count(), total):
            deployment = make_deployment(model_version, deployer, f"many-{number}")
            make_run(deployment, RunStatus.PLAN)
            fire(deployment)
        with CaptureQueriesContext(connection) as found:
            assert client.get("/fleet/now/").status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1] <= 14


@pytest.mark.parametrize("tab", ["health", "drift", "quality", "cost"])
def test_tabs_of_a_model_lead_to_the_alerts_and_the_rules_of_its_deployment(
    client: Client, three: list[Deployment], viewer: User, tab: str
) -> None:
    client.force_login(viewer)
    url = f"/models/{three[0].model.full_name}/{tab}/?deployment={three[0].pk}"
    assert "No firing alerts" in client.get(url).content.decode()
    mine = fire(three[0])
    fire(three[1])
    page = client.get(url).content.decode()
    assert "1 firing alert" in page
    assert f"/deployments/{three[0].pk}/alert-rules/" in page
    shown = client.get(f"/alerts/?deployment={three[0].pk}&state=firing").context["page"]
    assert [alert.pk for alert in shown] == [mine.pk]
    fire(three[0], key="other")
    assert "2 firing alerts" in client.get(url).content.decode()


def test_alerts_of_a_deployment_that_one_may_not_see_are_no_filter(
    client: Client, three: list[Deployment], stranger: User
) -> None:
    client.force_login(stranger)
    for value in (three[0].pk, "x", 10**30):
        assert client.get(f"/alerts/?deployment={value}").status_code == 400
