"""Deployments, their runs and test requests over the API."""

from decimal import Decimal

import pytest
from auditlog.models import LogEntry
from django.utils import timezone

from accounts.models import TokenScope
from deployments.deployment.models import in_state
from deployments.models import Deployment, Run, TestRequest
from deployments.pages.filters import STATES
from deployments.runs.statuses import RunKind, RunStatus
from tests.deployments.conftest import make_deployment, make_run
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
DEPLOYMENTS = "/api/v1/deployments/"
KEY = {"Idempotency-Key": "job-7"}


def names(answer):
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["results"]]


def at(deployment, rest=""):
    return f"{DEPLOYMENTS}{deployment.pk}/{rest}"


def test_a_spec_creates_a_deployment_and_its_run(
    model_version, spec, deployer, api_as, sent, django_capture_on_commit_callbacks
):
    client = api_as(deployer)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(DEPLOYMENTS, spec)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert answer.headers["Location"] == body["deployment"]["url"]
    assert body["deployment"]["spec"]["compute"] == {
        "workload_type": "CPU",
        "workload_size": "Small",
        "scale_to_zero": True,
    }
    assert body["deployment"]["latest_run"]["id"] == body["run"]["id"]
    assert (body["run"]["status"], body["run"]["kind"], body["run"]["version"]) == ("queued", "deploy", "3")
    assert sent == [("advance_run", body["run"]["id"])]
    assert client.get(body["run"]["url"]).json() == body["run"]
    assert client.get(body["deployment"]["url"]).json() == body["deployment"]


def test_an_alias_is_pinned(model_version, registered_model, spec, deployer, api_as):
    ModelVersionFactory.create(model=registered_model, version=8, aliases=["champion"])
    body = api_as(deployer).post(DEPLOYMENTS, {**spec, "version": "@champion"}).json()
    assert body["run"]["spec"]["version"] == body["deployment"]["spec"]["version"] == "8"


def test_what_is_wrong_with_a_spec_is_said_field_by_field(model_version, spec, deployer, api_as):
    answer = api_as(deployer).post(DEPLOYMENTS, {**spec, "compute": {"workload_size": "XL", "gpus": "1"}, "x": 1})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert set(answer.json()["fields"]) == {"compute.workload_size", "compute.gpus", "x"}
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"environment": "nowhere"}, "environment"),
        ({"model": "staging.fraud.other"}, "model"),
        ({"version": "99"}, "version"),
        ({"version": "@nobody"}, "version"),
        ({"model": "prod.fraud.card_fraud"}, "model"),
    ],
)
def test_what_a_spec_names_has_to_exist(model_version, spec, deployer, api_as, change, field):
    answer = api_as(deployer).post(DEPLOYMENTS, {**spec, **change})
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_name_that_is_taken_is_refused_and_free_again_after_the_destroy(deployment, spec, deployer, api_as):
    client = api_as(deployer)
    assert set(client.post(DEPLOYMENTS, spec).json()["fields"]) == {"name"}
    deployment.destroyed_at = timezone.now()
    deployment.save()
    assert client.post(DEPLOYMENTS, spec).status_code == 201


def test_who_may_not_deploy_creates_nothing(model_version, spec, viewer, approver, stranger, api_as):
    for person in (viewer, approver, stranger):
        answer = api_as(person).post(DEPLOYMENTS, spec)
        assert answer.status_code == 400
        assert set(answer.json()["fields"]) == {"model"}
    assert not Deployment.objects.exists()


def test_a_read_token_creates_nothing(model_version, spec, deployer, api_as):
    assert api_as(deployer, TokenScope.READ).post(DEPLOYMENTS, spec).status_code == 403


def test_the_same_post_twice_creates_one_deployment(model_version, spec, deployer, api_as):
    client = api_as(deployer)
    first, again = (client.post(DEPLOYMENTS, spec, headers=KEY) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert Run.objects.count() == 1


def test_who_asked_stands_in_the_audit_trail(model_version, spec, deployer, api_as):
    api_as(deployer).post(DEPLOYMENTS, {**spec, "tags": {"purpose": "trial"}})
    for model in (Deployment, Run):
        entry = LogEntry.objects.get_for_model(model).get()
        assert entry.actor == deployer


def test_a_deployment_has_an_etag(deployment, viewer, api_as):
    client = api_as(viewer)
    etag = client.get(at(deployment)).headers["ETag"]
    assert client.get(at(deployment), headers={"If-None-Match": etag}).status_code == 304
    Deployment.objects.update(observe_error="gone")
    assert client.get(at(deployment), headers={"If-None-Match": etag}).status_code == 200


def test_an_endpoint_that_was_not_seen_is_never_ready(deployment, viewer, api_as):
    body = api_as(viewer).get(at(deployment)).json()
    assert (body["tone"], body["state"]) == ("unknown", "Unknown · never seen")


def test_what_serves_is_shown(deployment, viewer, api_as):
    entity = {
        "name": "card_fraud-3",
        "entity_name": "staging.fraud.card_fraud",
        "entity_version": "3",
        "state": "DEPLOYMENT_READY",
        "message": "",
        "traffic": 100,
    }
    Deployment.objects.update(
        served=[entity], endpoint_id="e", ready="READY", config_update="NOT_UPDATING", observed_at=timezone.now()
    )
    body = api_as(viewer).get(at(deployment)).json()
    assert (body["tone"], body["live_version"], body["served"]) == ("ok", "3", [entity])


def test_a_delete_starts_one_destroy_run(deployment, deployer, api_as):
    client = api_as(deployer)
    answer = client.delete(at(deployment))
    assert (answer.status_code, answer.json()["kind"]) == (202, "destroy")
    again = client.delete(at(deployment))
    assert (again.status_code, again.json()["code"]) == (409, "already_requested")
    Deployment.objects.update(destroyed_at=timezone.now())
    gone = client.delete(at(deployment))
    assert (gone.status_code, gone.json()["code"]) == (409, "destroyed")


def test_only_those_who_may_deploy_destroy(deployment, viewer, approver, stranger, api_as):
    assert api_as(viewer).delete(at(deployment)).status_code == 403
    assert api_as(approver).delete(at(deployment)).status_code == 403
    assert api_as(stranger).delete(at(deployment)).status_code == 404
    assert not Run.objects.exists()


def test_an_update_is_a_run_with_a_new_spec(deployment, registered_model, spec, deployer, api_as):
    ModelVersionFactory.create(model=registered_model, version=4)
    answer = api_as(deployer).post(at(deployment, "runs/"), {"kind": "deploy", "spec": {**spec, "version": "4"}})
    assert (answer.status_code, answer.json()["version"]) == (201, "4")
    assert answer.headers["Location"] == answer.json()["url"]
    deployment.refresh_from_db()
    assert deployment.spec["version"] == "4"
    changed = LogEntry.objects.get_for_object(deployment).filter(action=LogEntry.Action.UPDATE).get()
    assert set(changed.changes) == {"spec"}


def test_the_hours_that_the_price_assumes_go_with_the_request_and_stay(model_version, spec, deployer, api_as):
    client = api_as(deployer)
    made = client.post("/api/v1/deployments/?assumed_hours_per_day=2.5", spec, format="json")
    assert made.status_code == 201
    deployment = Deployment.objects.get()
    assert deployment.hours_used_per_day == Decimal("2.5")
    runs = f"/api/v1/deployments/{deployment.pk}/runs/"
    assert client.post(runs, {"kind": "deploy", "spec": spec}, format="json").status_code == 201
    deployment.refresh_from_db()
    assert deployment.hours_used_per_day == Decimal("2.5")
    wrong = client.post(f"{runs}?assumed_hours_per_day=25", {"kind": "deploy", "spec": spec}, format="json")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["assumed_hours_per_day"])


def test_a_destroy_is_a_run_too(deployment, deployer, api_as):
    answer = api_as(deployer).post(at(deployment, "runs/"), {"kind": "destroy"})
    assert (answer.status_code, answer.json()["kind"]) == (201, "destroy")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "resize"}, "kind"),
        ({"kind": "deploy"}, "body"),
        ({"kind": "deploy", "spec": {}}, "spec.model"),
        ({"kind": "destroy", "spec": None, "force": True}, "force"),
        ([], "body"),
        ("deploy", "body"),
    ],
)
def test_a_run_that_is_asked_for_wrongly_is_refused(deployment, deployer, api_as, body, field):
    answer = api_as(deployer).post(at(deployment, "runs/"), body, format="json")
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_destroy_takes_no_spec(deployment, spec, deployer, api_as):
    answer = api_as(deployer).post(at(deployment, "runs/"), {"kind": "destroy", "spec": spec})
    assert answer.json()["fields"] == {"body": ["A destroy run takes no spec."]}


def test_what_a_deployment_is_cannot_change_in_an_update(deployment, spec, deployer, api_as):
    answer = api_as(deployer).post(at(deployment, "runs/"), {"kind": "deploy", "spec": {**spec, "name": "other"}})
    assert answer.json()["fields"] == {"name": ["This cannot change in an update: it is card-fraud."]}


def test_an_update_waits_for_no_destroy(deployment, spec, deployer, api_as):
    client = api_as(deployer)
    client.delete(at(deployment))
    answer = client.post(at(deployment, "runs/"), {"kind": "deploy", "spec": spec})
    assert (answer.status_code, answer.json()["code"]) == (409, "being_destroyed")


def test_runs_of_a_deployment_come_newest_first(deployment, model_version, deployer, viewer, api_as):
    old, new = make_run(deployment, RunStatus.SUCCEEDED), make_run(deployment, RunStatus.FAILED)
    make_run(make_deployment(model_version, deployer, "other"))
    rows = api_as(viewer).get(at(deployment, "runs/")).json()["results"]
    assert [row["id"] for row in rows] == [new.pk, old.pk]
    rows = api_as(viewer).get(at(deployment, "runs/?status=failed")).json()["results"]
    assert [row["id"] for row in rows] == [new.pk]


def test_a_test_request_is_sent_by_a_worker(deployment, viewer, api_as, sent, django_capture_on_commit_callbacks):
    client, body = api_as(viewer), {"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}}
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(at(deployment, "test-requests/"), body)
    assert (answer.status_code, answer.json()["status"]) == (201, "sending")
    pk = answer.json()["id"]
    assert sent == [("run_test_request", pk)]
    TestRequest.objects.update(status="answered", status_code=200, response='{"predictions": [0]}', latency_ms=3.5)
    shown = client.get(at(deployment, f"test-requests/{pk}/")).json()
    assert (shown["status"], shown["status_code"], shown["body"], shown["latency_ms"]) == ("answered", 200, body, 3.5)
    assert [row["id"] for row in client.get(at(deployment, "test-requests/")).json()["results"]] == [pk]


@pytest.mark.parametrize("body", [[], [1], "text", 3, None, True])
def test_a_test_request_is_an_object(deployment, viewer, api_as, body):
    answer = api_as(viewer).post(at(deployment, "test-requests/"), body, format="json")
    if body is None:
        assert answer.status_code == 201
        return
    assert set(answer.json()["fields"]) == {"body"}


def test_a_destroyed_deployment_takes_no_test_request(deployment, viewer, api_as):
    Deployment.objects.update(destroyed_at=timezone.now())
    answer = api_as(viewer).post(at(deployment, "test-requests/"), {})
    assert (answer.status_code, answer.json()["code"]) == (409, "destroyed")


@pytest.fixture
def some_deployments(model_version, environment, deployer, other_team, stranger):
    """card-fraud is ready in staging, card-live was never seen in prod, price belongs to the other team."""
    production = EnvironmentFactory(slug="prod", catalog_name="prod", workspace=environment.workspace)
    fresh = {"observed_at": timezone.now(), "endpoint_id": "e", "ready": "READY", "config_update": "NOT_UPDATING"}
    make_deployment(model_version, deployer, "card-fraud", **fresh)
    live = RegisteredModelFactory(
        workspace=production.workspace, team=model_version.model.team, catalog_name="prod", name="card_fraud"
    )
    make_deployment(ModelVersionFactory.create(model=live, version=1), deployer, "card-live")
    price = RegisteredModelFactory(workspace=environment.workspace, team=other_team, name="price")
    failed = {**fresh, "config_update": "UPDATE_FAILED"}
    make_deployment(ModelVersionFactory.create(model=price, version=1), stranger, "price", **failed)
    make_deployment(model_version, deployer, "gone", destroyed_at=timezone.now())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["card-fraud", "card-live", "price"]),
        ("ordering=-name", ["price", "card-live", "card-fraud"]),
        ("environment=prod", ["card-live"]),
        ("team=pricing", ["price"]),
        ("model=staging.fraud.CARD_fraud", ["card-fraud"]),
        ("status=ready", ["card-fraud"]),
        ("status=update_failed", ["price"]),
        ("status=unknown", ["card-live"]),
        ("status=destroyed", ["gone"]),
        ("status=updating", []),
        ("status=not_ready", []),
        ("status=not_deployed", []),
        ("q=card+fraud", ["card-fraud", "card-live"]),
        ("q=CARD+live", ["card-live"]),
        ("q=100%25", []),
        ("q=%27;--%F0%9F%98%80", []),
        ("q=card&environment=staging&status=ready", ["card-fraud"]),
    ],
)
def test_lists_are_searched_filtered_and_ordered(some_deployments, admin, api_as, query, expected):
    assert names(api_as(admin).get(f"{DEPLOYMENTS}?{query}")) == expected


def test_every_state_of_an_endpoint_is_found_by_one_word_and_shown_by_the_same(some_deployments):
    words = [word for word, _ in STATES if word not in ("not_ready", "update_failed", "updating")]
    found = [pk for word in words for pk in Deployment.objects.filter(in_state(word)).values_list("pk", flat=True)]
    assert len(found) == len(set(found)) == 3
    for deployment in Deployment.objects.filter(in_state("ready")):
        assert deployment.endpoint_state().tone == "ok"
    for deployment in Deployment.objects.filter(in_state("unknown")):
        assert deployment.endpoint_state().tone == "unknown"


@pytest.mark.parametrize(
    "query", ["environment=nowhere", "team=fraud2", "status=green", "ordering=spec", "q=%00", "model=%00"]
)
def test_a_filter_value_that_does_not_exist_is_refused(some_deployments, viewer, api_as, query):
    answer = api_as(viewer).get(f"{DEPLOYMENTS}?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["fields"]


def test_people_see_the_deployments_of_their_teams(some_deployments, viewer, stranger, api_as):
    assert names(api_as(viewer).get(DEPLOYMENTS)) == ["card-fraud", "card-live"]
    assert names(api_as(stranger).get(DEPLOYMENTS)) == ["price"]


def test_pages_follow_each_other_without_gap_and_repeat(model_version, deployer, viewer, api_as):
    for number in range(7):
        make_deployment(model_version, deployer, f"endpoint-{number}")
    client, seen, url = api_as(viewer), [], f"{DEPLOYMENTS}?page_size=3"
    while url:
        page = client.get(url)
        seen += names(page)
        url = page.json()["next"]
    assert seen == [f"endpoint-{number}" for number in range(7)]


@pytest.mark.parametrize("rest", ["", "RUNS", "TESTS"])
def test_lists_cost_the_same_for_one_row_and_for_twenty(
    deployment, model_version, deployer, viewer, api_as, django_assert_num_queries, rest
):
    url = {"": DEPLOYMENTS, "RUNS": at(deployment, "runs/"), "TESTS": at(deployment, "test-requests/")}[rest]
    client = api_as(viewer)
    make_run(deployment, RunStatus.SUCCEEDED)
    TestRequest.objects.create(deployment=deployment, requested_by=deployer, body={})
    client.get(url)
    with django_assert_num_queries(3):
        client.get(url)
    for number in range(19):
        make_run(make_deployment(model_version, deployer, f"e{number}"), RunStatus.FAILED)
        make_run(deployment, RunStatus.FAILED, kind=RunKind.DESTROY)
        TestRequest.objects.create(deployment=deployment, requested_by=viewer, body={})
    with django_assert_num_queries(3):
        assert len(client.get(url).json()["results"]) == 20
