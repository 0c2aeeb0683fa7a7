"""The OpenAPI document is complete, and the API does what it says, whatever is sent."""

import itertools

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from deployments.deployment.specs import DeploymentSpec
from deployments.models import TestRequest
from deployments.runs.statuses import RunKind, RunStatus, StageStatus
from portal.wsgi import application
from tests.deployments.conftest import give_plan, make_deployment, make_run
from tests.deployments.pricing.price_tables import make_prices
from tests.factories import token_of

EXAMPLES = 12
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    """The document as a client gets it; its making warns of nothing."""
    path = tmp_path_factory.mktemp("schema") / "schema.json"
    call_command("spectacular", "--validate", "--fail-on-warn", "--format", "openapi-json", "--file", str(path))
    return schemathesis.openapi.from_path(str(path)).raw_schema


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_every_operation_says_who_may_call_it_and_what_it_answers(document):
    for path, method, operation in operations(document):
        responses = operation["responses"]
        assert {"bearerToken": []} in operation["security"], (path, method)
        assert any(code.startswith("2") for code in responses), (path, method)
        assert {"401", "403", "429"} <= set(responses), (path, method)
        assert ("404" in responses) >= ("{" in path), (path, method)
        for code, response in responses.items():
            if code.startswith("4"):
                assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_bodies_are_json_and_nothing_else(document):
    for path, method, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            assert set(body.get("content", {})) <= {"application/json"}, (path, method)


def test_every_post_takes_an_idempotency_key_and_every_get_has_an_etag(document):
    for path, method, operation in operations(document):
        if method == "post":
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert "Idempotency-Key" in names, path
        if method == "get":
            assert "ETag" in operation["responses"]["200"]["headers"], path
            assert "304" in operation["responses"], path


def test_operations_have_names_of_their_own(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)
    assert {"deployments_create", "deployments_runs_create", "runs_approve", "runs_events"} <= set(names)


def test_enumerations_keep_their_names(document):
    schemas = document["components"]["schemas"]
    for name, words in (("RunStatus", RunStatus), ("RunKind", RunKind), ("StageStatus", StageStatus)):
        assert schemas[name]["enum"] == list(words.values)
    assert not [name for name in schemas if name.endswith("Enum") and any(sign.isdigit() for sign in name)]


def test_the_spec_is_documented_as_it_is_checked(document):
    shown = document["components"]["schemas"]["DeploymentSpec"]
    assert set(shown["properties"]) == set(DeploymentSpec.model_fields)
    assert set(shown["required"]) == {"model", "version", "environment", "name"}
    assert shown["additionalProperties"] is False
    example = document["paths"]["/api/v1/deployments/"]["post"]["requestBody"]["content"]["application/json"]
    for row in example["examples"].values():
        assert DeploymentSpec.model_validate(row["value"])


def test_every_reference_in_the_document_leads_somewhere(document):
    def references(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for inner in node.values():
                yield from references(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from references(inner)

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


# -- the API against its document ------------------------------------------------------------------


@pytest.fixture
def one_connection():
    """Requests run in the transaction of the test, as those of Django's test client do."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def api_schema(db, one_connection, mode, model_version, owner, admin):
    """The API with rows to find: path parameters name one that exists, every second time."""
    deployment = make_deployment(model_version, owner, "card-fraud")
    run = make_run(deployment, RunStatus.APPROVAL, requested_by=admin)
    give_plan(run)
    asked = TestRequest.objects.create(deployment=deployment, requested_by=owner, body={})
    parents = {"deployment_id": deployment.pk, "full_name": model_version.model.full_name, "version": "3"}
    rows = {"deployments": deployment.pk, "runs": run.pk, "test-requests": asked.pk, "environments": "staging"}
    rows["teams"] = model_version.model.team.slug
    rows["prices"] = make_prices().pk
    turns = itertools.count()
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", application)

    @schema.hook("map_path_parameters")
    def name_what_exists(context, path_parameters):
        if not path_parameters or next(turns) % 2 or mode == GenerationMode.NEGATIVE:
            return path_parameters
        words = context.operation.path.split("/")
        own = rows.get(words[words.index("{id}") - 1]) if "{id}" in words else rows.get(words[3])
        known = {**parents, "id": own, "slug": own}
        return {name: known.get(name) or value for name, value in path_parameters.items()}

    return schema


@pytest.fixture
def bearer(admin):
    return {"Authorization": f"Bearer {token_of(admin)}"}


def answers_as_documented(operation, mode, headers):
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        # What is right by its shape may still name a model that does not exist: 400, as documented.
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    check()


@pytest.mark.long
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_api_answers_as_its_document_says(api_schema, bearer, mode):
    failures, tried = [], 0
    for found in api_schema.get_all_operations():
        try:
            answers_as_documented(found.ok(), mode, bearer)
        except (Unsatisfiable, FailureGroup, Failure) as failure:
            if not isinstance(failure, Unsatisfiable):  # nothing can be wrong about an operation without parameters
                failures.append(f"{found.ok().label}: {failure}")
        tried += 1
    assert not failures, "\n\n".join(failures)
    assert tried > 30
