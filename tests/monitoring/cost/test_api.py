"""The API of costs: the figures of the page, for those who may see them."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from monitoring.models import BillingSource, CostKind
from tests.deployments.conftest import make_deployment
from tests.monitoring.cost.costs import LAUNCH, NOW, spent

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
URL = "/api/v1/cost/"
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _on_the_twentieth(monkeypatch):
    for module in ("cost.api", "cost.filters"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NOW))


@pytest.fixture
def deployment(model_version, deployer, workspace):
    BillingSource.objects.create(workspace=workspace, read_at=NOW, newest_usage=TODAY)
    return make_deployment(model_version, deployer, "card-fraud", endpoint_id="e1")


def test_a_month_adds_up(api_as, viewer, deployment):
    for day in range(1, 20):
        spent(deployment, date(2026, 11, day), "10")
    spent(deployment, date(2026, 11, 19), "0.50", kind=CostKind.LAUNCH, sku=LAUNCH)
    body = api_as(viewer).get(URL, {"group": "kind"}).json()
    assert (body["month"], body["currency"], body["month_to_date"]) == ("2026-11", "USD", "190.50")
    assert (body["billed_until"], len(body["days"])) == ("2026-11-19", 20)
    groups = {group["name"]: sum(Decimal(cost) for cost in group["costs"]) for group in body["groups"]}
    assert groups == {"Serving": Decimal(190), "Cold starts": Decimal("0.5")}
    (row,) = body["deployments"]
    assert (row["deployment"], row["cost"], row["requests"]) == (deployment.pk, "190.50", None)


def test_strangers_get_nothing_and_platform_admins_what_is_nobodys(api_as, viewer, stranger, admin, deployment):
    spent(deployment, TODAY, "10")
    spent(None, TODAY, "5", workspace=deployment.workspace)
    bodies = {person: api_as(person).get(URL).json() for person in (viewer, stranger, admin)}
    assert [body["month_to_date"] for body in bodies.values()] == ["10.00", None, "15.00"]
    assert [len(body["unattributed"]) for body in bodies.values()] == [0, 0, 1]
    assert [len(body["sources"]) for body in bodies.values()] == [1, 0, 1]


def test_a_deployment_has_its_own(api_as, viewer, stranger, deployment):
    spent(deployment, TODAY, "10")
    url = f"/api/v1/deployments/{deployment.pk}/cost/"
    body = api_as(viewer).get(url).json()
    assert (body["month_to_date"], body["groups"][0]["name"]) == ("10.00", "Serving")
    assert api_as(viewer).get(url, {"month": "2026-10"}).json()["month_to_date"] == "0.00"
    assert api_as(stranger).get(url).status_code == 404


def test_what_has_no_price_is_told(api_as, viewer, deployment):
    spent(deployment, TODAY, None, unit="GB")
    body = api_as(viewer).get(URL).json()
    assert body["price_missing"][0]["unit"] == "GB"
    assert body["month_to_date"] == "0.00"


@pytest.mark.parametrize("query", [{"month": "2026-13"}, {"team": "nobody"}, {"ordering": "x"}, {"group": "x"}])
def test_odd_questions_are_refused(api_as, viewer, deployment, query):
    for url in (URL, f"/api/v1/deployments/{deployment.pk}/cost/"):
        answer = api_as(viewer).get(url, query)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, list(query))
