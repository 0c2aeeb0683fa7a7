"""The API of alerts: the same services as the pages, and no address ever comes out."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from monitoring.alerts.tasks import deliver_alert
from monitoring.models import Alert, AlertRoute, AlertRule, Delivery, Receiver
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment
from tests.monitoring.alerts.reporting_alerts import make_receiver, report

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ROOT = Path(__file__).resolve().parents[3]
SECRET = "canary-of-the-address"
SERVICES = (
    "acknowledge_alert",
    "snooze_alert",
    "resolve_alert",
    "set_alert_rule",
    "create_receiver",
    "delete_receiver",
    "request_receiver_test",
    "create_alert_route",
    "delete_alert_route",
)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(deliver_alert, "delay", lambda pk: None)


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud")


@pytest.fixture
def alert(deployment):
    return report(deployment, "drift", Standing.FAILING, "PSI of amount is 0.4.", {"psi": 0.4})


def test_a_program_finds_an_alert_with_its_history_and_settles_it(api_as, deployer, alert):
    client = api_as(deployer)
    [found] = client.get("/api/v1/alerts/?state=ongoing&subject=drift").json()["results"]
    assert (found["deployment_name"], found["state"], found["evidence"]) == ("card-fraud", "firing", {"psi": 0.4})
    url = found["url"]
    assert client.post(f"{url}acknowledge/").json()["state"] == "acknowledged"
    until = timezone.now() + timedelta(hours=2)
    assert client.post(f"{url}snooze/", {"until": until.isoformat()}, format="json").json()["state"] == "snoozed"
    done = client.post(f"{url}resolve/").json()
    assert [line["state"] for line in done["history"]] == ["firing", "acknowledged", "snoozed", "resolved"]
    assert done["history"][1]["actor"] == "deployer"
    again = client.post(f"{url}resolve/")
    assert (again.status_code, again.json()["code"]) == (409, "not_possible")
    assert client.get("/api/v1/alerts/?state=ongoing").json()["results"] == []


@pytest.mark.parametrize("until", [None, 5, "soon", "2020-01-01T00:00:00Z", "2026-11-20T00:00:00"])
def test_a_snooze_needs_a_time_to_come_with_its_zone(api_as, deployer, alert, until):
    answer = api_as(deployer).post(f"/api/v1/alerts/{alert.pk}/snooze/", {"until": until}, format="json")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["until"])
    assert Alert.objects.get().state == "firing"


def test_a_viewer_may_not_settle_and_a_filter_that_is_none_is_refused(api_as, viewer, alert):
    client = api_as(viewer)
    assert client.post(f"/api/v1/alerts/{alert.pk}/resolve/").status_code == 403
    assert client.get("/api/v1/alerts/?state=nonsense").status_code == 400


def test_rules_are_read_and_set(api_as, deployer, deployment):
    client, url = api_as(deployer), f"/api/v1/deployments/{deployment.pk}/alert-rules/"
    assert [row["subject"] for row in client.get(url).json()] == ["health", "drift", "quality", "cost", "config", "run"]
    body = {"subject": "drift", "from_standing": "at_risk", "severity": "critical", "for_s": 60}
    rows = {row["subject"]: row for row in client.post(url, body, format="json").json()}
    assert rows["drift"] == body | {"enabled": True, "stale_after_s": None}
    for change in ({"from_standing": "passing"}, {"subject": "x"}, {"for_s": 10**8}, {"stale_after_s": 1}):
        assert client.post(url, body | change, format="json").status_code == 400, change
    assert AlertRule.objects.get().for_s == 60


def test_receivers_are_made_tested_and_deleted_and_their_address_never_comes_out(api_as, owner, deployment):
    client = api_as(owner)
    body = {"team": "fraud", "name": "hook", "kind": "webhook", "address": f"https://example.com/{SECRET}"}
    made = client.post("/api/v1/receivers/", body, format="json")
    assert made.status_code == 201
    sent = client.post(f"{made.json()['url']}test/")
    assert (sent.status_code, sent.json()["is_test"], sent.json()["status"]) == (202, True, "pending")
    Delivery.objects.update(status="failed", error="The receiver said 404.")
    shown = client.get(made.json()["url"])
    assert shown.json()["deliveries"][0]["error"] == "The receiver said 404."
    for answer in (made, shown, client.get("/api/v1/receivers/")):
        assert SECRET not in answer.content.decode()
    for change, field in (
        ({"address": f"file://{SECRET}", "name": "x"}, "address"),
        ({}, "name"),
        ({"team": "nonsense"}, "team"),
        ({"kind": "pigeon"}, "kind"),
    ):
        wrong = client.post("/api/v1/receivers/", body | change, format="json")
        assert (wrong.status_code, list(wrong.json()["fields"])) == (400, [field])
        assert SECRET not in wrong.content.decode()
    assert client.delete(made.json()["url"]).status_code == 204
    assert not Receiver.objects.exists()


def test_routes_are_made_and_deleted_by_team_admins_alone(api_as, owner, deployer, stranger, deployment):
    receiver = make_receiver(deployment)
    body = {"receiver": receiver.pk, "subject": "health", "environment": "staging", "min_severity": "critical"}
    assert api_as(deployer).post("/api/v1/alert-routes/", body, format="json").status_code == 403
    assert api_as(stranger).post("/api/v1/alert-routes/", body, format="json").status_code == 400
    assert AlertRoute.objects.count() == 1
    client = api_as(owner)
    made = client.post("/api/v1/alert-routes/", body, format="json")
    assert (made.status_code, made.json()["environment"], made.json()["subject"]) == (201, "staging", "health")
    assert len(client.get("/api/v1/alert-routes/").json()["results"]) == 2
    wrong = client.post("/api/v1/alert-routes/", body | {"environment": "nowhere"}, format="json")
    assert list(wrong.json()["fields"]) == ["environment"]
    assert client.delete(f"/api/v1/alert-routes/{made.json()['id']}/").status_code == 204
    assert AlertRoute.objects.count() == 1


def test_pages_and_api_call_the_same_services():
    for room in ("views", "api"):
        called = set()
        for name in (room, f"receiver_{room}"):
            tree = ast.parse((ROOT / "monitoring" / "alerts" / f"{name}.py").read_text("utf-8"))
            calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
            called |= {call.id for call in calls if isinstance(call, ast.Name)}
        assert set(SERVICES) <= called, room
