"""Stages against a workspace that answers what the test says: what passes, what fails, and in which words."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, Lease, StageRecord
from deployments.rollouts.entities import served_entity_name
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import endpoint, smoke
from deployments.stages.context import Context
from deployments.stages.outcomes import End, GoOn, Wait
from deployments.stages.preflight import stage as preflight
from integrations.databricks.records import Endpoint, QueryResult, Route, ServedEntity, Version
from integrations.errors import IntegrationError

pytestmark = pytest.mark.django_db
PRINCIPAL = "0f8fad5b-d9cb-469f-a165-70867728950e"
DENIED = IntegrationError("PERMISSION_DENIED", permanent=True)
AWAY = IntegrationError("503", permanent=False)
NO_JOBS = IntegrationError("501", permanent=True)


class FakeWorkspace:
    """Each answer is a value, or an exception to raise."""

    def __init__(self, **answers):
        self.answers = {
            "get_endpoint": None,
            "current_user": PRINCIPAL,
            "get_version": Version("staging.fraud.card_fraud", 3, "READY"),
            "has_grant": True,
            "has_file": NO_JOBS,
            "query": QueryResult(200, {"predictions": [0]}, 12.0, "card_fraud-3"),
            "build_logs": "step 1\nno space left",
            "server_logs": "the model is ready",
            **answers,
        }
        self.calls = []

    def __getattr__(self, name):
        def answer(*args, **kwargs):
            self.calls.append((name, args))
            value = self.answers[name]
            if isinstance(value, Exception):
                raise value
            return value

        return answer


@pytest.fixture
def context_of(run_in):
    """``context_of(RunStatus.PREFLIGHT, get_endpoint=...)``: the hands of a worker on a run in that stage."""

    def make(status, *, run=None, **answers):
        run = run or run_in(status)
        StageRecord.objects.create(run=run, stage=status, started_at=timezone.now())
        context = Context(run=run, lease=Lease(run.pk, uuid.uuid4(), 1, recovered=False))
        context._workspace = FakeWorkspace(**answers)  # type: ignore[assignment]
        return context

    return make


def lines(context):
    context.flush()
    return [(event.level, event.message) for event in context.run.events.all()]


def ready(**changes):
    values = {
        "name": "card-fraud",
        "id": "e1",
        "ready": True,
        "config_update": "NOT_UPDATING",
        "served_entities": (entity(),),
        "routes": (Route("card_fraud-3", 100),),
        "config_version": 2,
        "creator": "somebody@example.com",
        **changes,
    }
    return Endpoint(**values)


def entity(**changes):
    values = {
        "name": "card_fraud-3",
        "entity_name": "staging.fraud.card_fraud",
        "entity_version": "3",
        "workload_type": "CPU",
        "workload_size": "Small",
        "scale_to_zero": True,
        "deployment": "DEPLOYMENT_READY",
        **changes,
    }
    return ServedEntity(**values)


# -- preflight -------------------------------------------------------------------------------------


def checks(context):
    record = StageRecord.objects.get(run=context.run, stage=RunStatus.PREFLIGHT)
    return {check["name"]: check["result"] for check in record.detail["checks"]}


def test_everything_in_place_passes_the_preflight(context_of):
    context = context_of(RunStatus.PREFLIGHT)
    assert preflight.run_stage(context) == GoOn(RunStatus.PLAN, "preflight passed: 6 checks")
    found = checks(context)
    assert found.pop("Validation") == "warn"
    assert set(found.values()) == {"pass"}


def test_an_update_in_progress_is_waited_for(context_of):
    outcome = preflight.run_stage(context_of(RunStatus.PREFLIGHT, get_endpoint=ready(config_update="IN_PROGRESS")))
    assert isinstance(outcome, Wait)
    assert "another update" in outcome.reason


@pytest.mark.parametrize(
    ("answers", "check", "words"),
    [
        ({"get_version": DENIED}, "Model version", "Register it in the catalog of staging first."),
        ({"get_version": Version("x.y.z", 3, "FAILED_REGISTRATION")}, "Model version", "is FAILED_REGISTRATION"),
        ({"has_grant": False}, "Grant", f"GRANT EXECUTE ON FUNCTION staging.fraud.card_fraud TO `{PRINCIPAL}`;"),
        ({"get_endpoint": ready()}, "Endpoint name", "Choose another name."),
        ({"get_endpoint": ready(tags={"slipway_deployment": "4711"})}, "Endpoint name", "does not manage"),
    ],
)
def test_a_check_that_fails_ends_the_run_with_what_mends_it(context_of, answers, check, words):
    context = context_of(RunStatus.PREFLIGHT, **answers)
    outcome = preflight.run_stage(context)
    assert isinstance(outcome, End)
    assert outcome.status == RunStatus.FAILED
    assert words in outcome.message
    assert checks(context)[check] == "fail"
    assert any(level == "error" and words in text for level, text in lines(context))


@pytest.mark.parametrize("answers", [{"current_user": "ana@example.com"}, {"has_grant": DENIED}])
def test_what_is_only_unwise_is_a_warning(context_of, answers):
    context = context_of(RunStatus.PREFLIGHT, **answers)
    assert isinstance(preflight.run_stage(context), GoOn)
    assert "warn" in checks(context).values()


@pytest.mark.parametrize("answers", [{"get_version": AWAY}, {"has_grant": AWAY}, {"get_endpoint": AWAY}])
def test_a_workspace_that_is_away_is_no_failed_check(context_of, answers):
    with pytest.raises(IntegrationError):
        preflight.run_stage(context_of(RunStatus.PREFLIGHT, **answers))


def test_our_own_endpoint_is_known_by_its_tag(context_of, deployment):
    ours = ready(tags={"slipway_deployment": str(deployment.pk)})
    assert isinstance(preflight.run_stage(context_of(RunStatus.PREFLIGHT, get_endpoint=ours)), GoOn)


def test_a_destroy_asks_for_neither_version_nor_grant(context_of, run_in):
    run = run_in(RunStatus.PREFLIGHT, kind=RunKind.DESTROY)
    context = context_of(RunStatus.PREFLIGHT, run=run, get_version=DENIED, has_grant=DENIED)
    assert isinstance(preflight.run_stage(context), GoOn)
    assert checks(context) == {"Identity": "pass", "Endpoint": "warn"}


# -- endpoint --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", [{"ready": False}, {"config_update": "IN_PROGRESS"}, {"ready": False, "config_update": "IN_PROGRESS"}]
)
def test_an_endpoint_that_is_not_ready_is_waited_for(context_of, state):
    outcome = endpoint.run_stage(context_of(RunStatus.ENDPOINT, get_endpoint=ready(**state)))
    assert isinstance(outcome, Wait)
    assert "the endpoint is" in outcome.reason


def test_waiting_has_an_end(context_of, run_in, settings):
    long_ago = timezone.now() - timedelta(seconds=settings.ENDPOINT_TIMEOUT_S + 1)
    run = run_in(RunStatus.ENDPOINT, stage_started_at=long_ago)
    outcome = endpoint.run_stage(context_of(RunStatus.ENDPOINT, run=run, get_endpoint=ready(ready=False)))
    assert outcome == End(RunStatus.FAILED, f"the endpoint was not ready after {settings.ENDPOINT_TIMEOUT_S} s")


def test_a_ready_endpoint_as_asked_goes_on_to_the_smoke_test(context_of):
    context = context_of(RunStatus.ENDPOINT, get_endpoint=ready())
    assert endpoint.run_stage(context) == GoOn(RunStatus.SMOKE, "the endpoint is ready, configuration 2")
    record = StageRecord.objects.get(run=context.run, stage=RunStatus.ENDPOINT)
    assert record.detail == {"config_version": 2, "differences": []}
    assert Deployment.objects.get().live_version == "3"


def test_a_failed_update_keeps_the_old_version_serving_and_says_so(context_of):
    failed = entity(name="card_fraud-8", entity_version="8", deployment="DEPLOYMENT_FAILED", message="no space left")
    old = entity(name="card_fraud-7", entity_version="7")
    shown = ready(config_update="UPDATE_FAILED", served_entities=(old,), pending_entities=(failed,))
    context = context_of(RunStatus.ENDPOINT, get_endpoint=shown)
    outcome = endpoint.run_stage(context)
    assert isinstance(outcome, End)
    assert outcome.status == RunStatus.FAILED
    assert outcome.message == "the update failed (version 8: no space left). Still serving: version 7."
    assert ("error", "no space left") in lines(context)


def test_a_failed_first_deployment_serves_nothing(context_of):
    shown = ready(ready=False, config_update="UPDATE_FAILED", served_entities=())
    outcome = endpoint.run_stage(context_of(RunStatus.ENDPOINT, get_endpoint=shown))
    assert isinstance(outcome, End)
    assert outcome.message == "the update failed (UPDATE_FAILED). Nothing is serving."


def test_an_endpoint_that_is_gone_fails_the_run(context_of):
    outcome = endpoint.run_stage(context_of(RunStatus.ENDPOINT))
    assert isinstance(outcome, End)
    assert outcome.status == RunStatus.FAILED


@pytest.mark.parametrize(
    ("shown", "difference"),
    [
        (ready(served_entities=(entity(entity_version="2"),)), "version is '2', requested '3'"),
        (ready(served_entities=(entity(workload_size="Large"),)), "workload size is 'Large', requested 'Small'"),
        (ready(served_entities=(entity(scale_to_zero=False),)), "scale to zero is False, requested True"),
        (ready(served_entities=(entity(environment_vars={"A": "1"}),)), "environment variables is {'A': '1'}"),
        (ready(routes=(Route("card_fraud-3", 90),)), "traffic is {'card_fraud-3': 90}"),
        (ready(served_entities=()), "card_fraud-3 is not served"),
    ],
)
def test_every_field_is_read_back(context_of, shown, difference):
    context = context_of(RunStatus.ENDPOINT, get_endpoint=shown)
    assert isinstance(endpoint.run_stage(context), GoOn)
    warnings = [text for level, text in lines(context) if level == "warning"]
    assert any(text.startswith(f"read back: {difference}") for text in warnings)


# -- smoke -----------------------------------------------------------------------------------------


def test_a_prediction_is_proof(context_of):
    context = context_of(RunStatus.SMOKE, get_endpoint=ready())
    assert smoke.run_stage(context) == End(RunStatus.SUCCEEDED, "live: card_fraud-3 answered in 12 ms")
    sent = next(args for name, args in context.workspace.calls if name == "query")
    assert sent == ("card-fraud", {"dataframe_split": {"columns": ["amount"], "data": [[12.5]]}})
    assert StageRecord.objects.get(run=context.run, stage=RunStatus.SMOKE).detail["status_code"] == 200


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_cold_start_is_asked_again_and_not_for_ever(context_of, run_in, status):
    run = run_in(RunStatus.SMOKE)
    outcomes = []
    for tries in range(1, smoke.TRIES + 1):
        run.stage_tries = tries
        context = context_of(RunStatus.SMOKE, run=run, query=QueryResult(status, "starting", 1.0))
        outcomes.append(type(smoke.run_stage(context)))
    assert outcomes == [Wait] * (smoke.TRIES - 1) + [End]


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (QueryResult(400, {"message": "missing column amount"}, 1.0), "missing column amount"),
        (QueryResult(500, "Traceback\x00", 1.0), "Traceback\ufffd"),
        (QueryResult(200, {"error": "x"}, 1.0), "has no predictions"),
        (QueryResult(200, "hello", 1.0), "has no predictions"),
    ],
)
def test_an_answer_that_is_no_prediction_fails_the_run(context_of, result, words):
    outcome = smoke.run_stage(context_of(RunStatus.SMOKE, query=result))
    assert isinstance(outcome, End)
    assert outcome.status == RunStatus.FAILED
    assert words in outcome.message


def test_a_model_without_an_example_is_live_without_a_smoke_test(context_of, model_version):
    model_version.input_example = None
    model_version.save()
    context = context_of(RunStatus.SMOKE, get_endpoint=ready())
    outcome = smoke.run_stage(context)
    assert isinstance(outcome, End)
    assert outcome.status == RunStatus.SUCCEEDED
    assert "query" not in [name for name, _ in context.workspace.calls]
    assert lines(context)[0][0] == "warning"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("a.b.card_fraud", "card_fraud-3"),
        ("a.b.caf\xe9", "caf--3"),
        (f"a.b.{'x' * 80}", f"{'x' * 50}-3"),
    ],
)
def test_a_served_entity_is_named_after_model_and_version(spec, model, name):
    assert served_entity_name(parse_spec({**spec, "model": model})) == name
