"""Estimates and price tables over the API."""

from __future__ import annotations

from datetime import date

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import TokenScope
from deployments.models import PriceTable, Run
from deployments.runs.statuses import RunStatus
from tests.deployments.conftest import make_run
from tests.deployments.pricing.price_tables import make_prices, only_prices

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ESTIMATES = "/api/v1/estimates/"
PRICES = "/api/v1/prices/"
CPU_SMALL = {
    "workload_type": "CPU",
    "workload_size": "Small",
    "min_concurrency": 4,
    "max_concurrency": 4,
    "min_dbu_per_hour": "4",
    "max_dbu_per_hour": 4.5,
}
TABLE = {
    "name": "Contract 2027",
    "currency": "EUR",
    "valid_from": "2027-01-01",
    "price_per_dbu": "0.06",
    "source": "Contract of the company, page 7.",
    "rates": [CPU_SMALL],
}


def ask(client, body, status=200):
    answer = client.post(ESTIMATES, body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


# -- estimates -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("model_version")
def test_a_spec_is_priced_and_nothing_is_started(spec, deployer, api_as):
    table = only_prices()
    told = ask(api_as(deployer), {"spec": spec})
    # Small, scale to zero: 4 DBU/h x 0.07 x 8 h x 22 = 49.28; 4 x 0.07 x 730 = 204.40
    assert (told["low"], told["high"], told["currency"]) == ("49.28", "204.40", "USD")
    assert told["table"] == {"id": table.pk, "name": "Test prices", "valid_from": "2020-01-01"}
    assert (told["hours_per_month"], told["assumed_hours_per_day"]) == (730, 8.0)
    assert [line["low"] for line in told["lines"]] == ["49.28"]
    assert any("8 hours a day on 22 days" in text for text in told["assumptions"])
    assert told["difference"] is None
    assert not Run.objects.exists()


@pytest.mark.usefixtures("model_version")
def test_the_hours_of_use_stand_beside_the_spec(spec, deployer, api_as):
    only_prices()
    # 4 x 0.07 x 2.5 h x 22 = 15.40
    told = ask(api_as(deployer), {"spec": spec, "assumed_hours_per_day": 2.5})
    assert (told["low"], told["high"]) == ("15.40", "204.40")


@pytest.mark.usefixtures("model_version")
def test_a_bare_spec_is_priced_with_the_defaults(spec, deployer, api_as):
    only_prices()
    assert ask(api_as(deployer), spec) == ask(api_as(deployer), {"spec": spec})


def test_with_its_deployment_the_difference_is_told(spec, deployment, deployer, api_as):
    only_prices()
    deployment.spec["compute"] = {"workload_type": "CPU", "workload_size": "Small", "scale_to_zero": False}
    make_run(deployment, RunStatus.SUCCEEDED)
    bigger = {**spec, "compute": {"workload_type": "CPU", "workload_size": "Medium", "scale_to_zero": False}}
    told = ask(api_as(deployer), {"spec": bigger, "deployment": deployment.pk})
    assert told["now"] == {"low": "204.40", "high": "204.40"}
    assert told["difference"] == {"low": "204.40", "high": "613.20"}
    assert told["summary"].endswith("+204.40 to +613.20 compared with now")


@pytest.mark.usefixtures("model_version")
def test_a_size_without_a_rate_is_no_error_and_no_zero(spec, deployer, api_as):
    only_prices()
    told = ask(api_as(deployer), {"spec": {**spec, "compute": {"workload_type": "GPU_LARGE"}}})
    assert (told["low"], told["high"]) == (None, None)
    assert "GPU_LARGE Small" in told["problem"]


@pytest.mark.usefixtures("model_version")
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "-"},
        {"version": "99"},
        {"environment": "nowhere"},
        {"compute": {"workload_size": "Huge"}},
        {"model": "staging.fraud.nothing"},
        {"unknown": 1},
    ],
)
def test_a_spec_is_refused_in_the_words_of_deploying(spec, deployer, api_as, wrong):
    client, body = api_as(deployer), {**spec, **wrong}
    deployed = client.post("/api/v1/deployments/", body, format="json")
    assert deployed.status_code == 400
    assert ask(client, {"spec": body}, 400) == deployed.json()
    assert ask(client, body, 400) == deployed.json()


@pytest.mark.usefixtures("model_version")
@pytest.mark.parametrize("hours", [0, -1, 24.5, "8", None, True])
def test_hours_that_no_day_has_are_refused(spec, deployer, api_as, hours):
    answer = ask(api_as(deployer), {"spec": spec, "assumed_hours_per_day": hours}, 400)
    assert set(answer["fields"]) == {"assumed_hours_per_day"}


def test_a_deployment_of_others_is_not_there(spec, deployment, stranger, deployer, api_as):
    answer = ask(api_as(stranger), {"spec": spec, "deployment": deployment.pk}, 400)
    assert set(answer["fields"]) == {"deployment"}
    answer = ask(api_as(deployer), {"spec": spec, "deployment": deployment.pk + 1}, 400)
    assert set(answer["fields"]) == {"deployment"}


def test_who_may_not_deploy_is_told_as_when_deploying(spec, model_version, viewer, api_as):
    assert "deployer" in str(ask(api_as(viewer), {"spec": spec}, 400)["fields"]["model"])


# -- price tables ----------------------------------------------------------------------------------


def test_everybody_reads_every_table_newest_first(viewer, api_as):
    old = only_prices()
    new = make_prices(valid_from=date(2026, 12, 24))
    rows = api_as(viewer, TokenScope.READ).get(PRICES).json()["results"]
    assert [row["id"] for row in rows] == [new.pk, old.pk]
    assert rows[0]["price_per_dbu"] == "0.070000"
    assert rows[0]["created_by"] is None
    assert {rate["workload_type"] for rate in rows[0]["rates"]} == {"CPU", "GPU_SMALL"}
    assert api_as(viewer).get(f"{PRICES}{old.pk}/").json()["valid_from"] == "2020-01-01"


def test_the_table_of_a_day_can_be_asked_for(viewer, api_as):
    old = only_prices(valid_from=date(2026, 1, 1))
    make_prices(valid_from=date(2026, 7, 1))
    client = api_as(viewer)
    assert [row["id"] for row in client.get(f"{PRICES}?on=2026-06-30").json()["results"]] == [old.pk]
    assert client.get(f"{PRICES}?on=2025-12-31").json()["results"] == []
    assert client.get(f"{PRICES}?on=soon").status_code == 400


def test_more_tables_cost_no_more_queries(viewer, api_as):
    only_prices()
    client = api_as(viewer)
    client.get(PRICES)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            client.get(PRICES)
        counts.append(len(captured))
        for _ in range(10):
            make_prices()
    assert counts[0] == counts[1]


def test_a_platform_admin_makes_a_table_and_the_trail_tells(admin, api_as):
    before = only_prices()
    answer = api_as(admin).post(PRICES, TABLE, format="json")
    assert answer.status_code == 201, answer.content
    made = PriceTable.objects.get(pk=answer.json()["id"])
    assert answer.headers["Location"].endswith(f"/prices/{made.pk}/")
    assert (made.created_by, str(made.price_per_dbu), made.currency) == (admin, "0.060000", "EUR")
    (rate,) = made.rates.all()
    assert (str(rate), str(rate.max_dbu_per_hour)) == ("CPU Small", "4.5000")
    assert PriceTable.objects.get(pk=before.pk).name == "Test prices"
    assert LogEntry.objects.get_for_object(made).get().actor == admin


@pytest.mark.parametrize("who", ["viewer", "deployer", "owner"])
def test_nobody_else_makes_one(request, api_as, who):
    answer = api_as(request.getfixturevalue(who)).post(PRICES, TABLE, format="json")
    assert answer.status_code == 403
    assert not PriceTable.objects.filter(name="Contract 2027").exists()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price_per_dbu": 0}, "price_per_dbu"),
        ({"price_per_dbu": "1e3"}, "price_per_dbu"),
        ({"price_per_dbu": True}, "price_per_dbu"),
        ({"valid_from": "2027-02-30"}, "valid_from"),
        ({"valid_from": "01.02.2027"}, "valid_from"),
        ({"currency": "euro"}, "currency"),
        ({"name": " "}, "name"),
        ({"source": ""}, "source"),
        ({"rates": []}, "rates"),
        ({"rates": [CPU_SMALL, CPU_SMALL]}, "rates"),
        ({"rates": [{**CPU_SMALL, "max_concurrency": 3}]}, "rates.0.max_concurrency"),
        ({"rates": [{**CPU_SMALL, "max_dbu_per_hour": "3.9"}]}, "rates.0.max_dbu_per_hour"),
        ({"rates": [{**CPU_SMALL, "min_dbu_per_hour": "0.00001"}]}, "rates.0.min_dbu_per_hour"),
        ({"rates": [{**CPU_SMALL, "workload_type": "TPU"}]}, "rates.0.workload_type"),
        ({"id": 7}, "id"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_by_field(admin, api_as, wrong, field):
    answer = api_as(admin).post(PRICES, {**TABLE, **wrong}, format="json")
    assert answer.status_code == 400, answer.content
    assert set(answer.json()["fields"]) == {field}


def test_a_table_is_never_changed(admin, api_as):
    table = only_prices()
    client = api_as(admin)
    for method in (client.put, client.patch, client.delete):
        assert method(f"{PRICES}{table.pk}/", {"price_per_dbu": "1"}, format="json").status_code == 405
