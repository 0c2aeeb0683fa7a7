"""What nobody knows is told as unknown, with the reason: on every page, in the fleet and by the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    ServedEntityInput,
)
from django.test import Client
from django.utils import timezone

from accounts.models import Team, User
from deployments.models import Deployment
from monitoring.cost import importing as cost
from monitoring.cost.telling import tell_costs
from monitoring.drift.tasks import watch_drift
from monitoring.fleet.listing import Lens
from monitoring.health.judging import STALE_AFTER
from monitoring.health.tasks import scrape_endpoint
from monitoring.models import BillingSource, DriftJob, HealthSource, Watch
from tests.deployments.conftest import make_deployment, sent
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.sandbox.endpoint_models import register
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db
__all__ = ["sent"]
CATALOG, SCHEMA, MODEL = "unknown_tests", "fraud", "card_fraud"
GREEN = "sw-badge sw-tone-ok"
Endpoint = Callable[[], str]


@pytest.fixture(scope="module")
def place(sandbox: RunningSandbox) -> RunningSandbox:
    """The sandbox with a model of two versions."""
    client = sandbox.client()
    client.catalogs.create(name=CATALOG)
    client.schemas.create(name=SCHEMA, catalog_name=CATALOG)
    register(sandbox, f"{CATALOG}.{SCHEMA}.{MODEL}")
    return sandbox


@pytest.fixture(scope="module")
def endpoint(place: RunningSandbox) -> Endpoint:
    """Makes a ready endpoint with an inference table, and returns its name."""

    def make() -> str:
        name = f"unknown-{uuid.uuid4().hex[:8]}"
        entity = ServedEntityInput(
            entity_name=f"{CATALOG}.{SCHEMA}.{MODEL}",
            entity_version="1",
            name=f"{MODEL}-1",
            workload_size="Small",
            scale_to_zero_enabled=False,
        )
        table = AiGatewayInferenceTableConfig(
            enabled=True, catalog_name=CATALOG, schema_name=SCHEMA, table_name_prefix=name.replace("-", "_")
        )
        place.client().serving_endpoints.create_and_wait(
            name,
            config=EndpointCoreConfigInput(name=name, served_entities=[entity]),
            ai_gateway=AiGatewayConfig(inference_table_config=table),
            timeout=timedelta(seconds=90),
        )
        return name

    return make


@pytest.fixture(scope="module")
def quiet(endpoint: Endpoint) -> str:
    """An endpoint that nobody ever asks."""
    return endpoint()


@pytest.fixture
def deployed(
    place: RunningSandbox, team: Team, deployer: User, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Deployment]:
    """The deployment of an endpoint, as its run leaves it. The portal is an admin of the workspace."""
    monkeypatch.setenv("TEST_DATABRICKS_TOKEN", ADMIN_TOKEN)
    workspace = WorkspaceFactory.create(host=place.url)
    environment = EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    model = RegisteredModelFactory.create(
        workspace=workspace, team=team, catalog_name=CATALOG, schema_name=SCHEMA, name=MODEL
    )
    columns = {"inputs": [{"name": "mood", "type": "string"}]}
    version = ModelVersionFactory.create(model=model, version=1, signature=columns)

    def make(name: str) -> Deployment:
        table = {"enabled": True, "catalog_name": CATALOG, "schema_name": SCHEMA}
        return make_deployment(
            version,
            deployer,
            name,
            environment=environment,
            ready="READY",
            intended={"inference_table": {**table, "table_name_prefix": name.replace("-", "_")}},
            served=[{"name": f"{MODEL}-1", "entity_name": model.full_name, "entity_version": "1", "traffic": 100}],
        )

    return make


@dataclass
class Told:
    """What a person and a program get to see of one deployment."""

    pages: dict[str, Any]
    api: dict[str, dict[str, Any]]
    row: dict[str, Any]

    def text(self, page: str) -> str:
        return str(self.pages[page].content.decode())


@pytest.fixture
def told(client: Client, viewer: User, api_as: Callable[..., Any]) -> Callable[[Deployment], Told]:
    """Looks everywhere. Everything answers with 200."""
    program = api_as(viewer)
    client.force_login(viewer)

    def look(deployment: Deployment) -> Told:
        tabs = {
            name: f"/models/{deployment.model.full_name}/{name}/" for name in ("health", "drift", "quality", "cost")
        }
        pages = tabs | {f"fleet {lens}": f"/fleet/?lens={lens}" for lens in Lens} | {"all costs": "/cost/"}
        names = ("health", "drift", "quality", "cost")
        answers = {name: program.get(f"/api/v1/deployments/{deployment.pk}/{name}/") for name in names}
        fleet = program.get("/api/v1/fleet/")
        shown = {name: client.get(url) for name, url in pages.items()}
        assert {answer.status_code for answer in [*shown.values(), *answers.values(), fleet]} == {200}
        [row] = [row for row in fleet.json()["results"] if row["deployment"] == deployment.pk]
        return Told(shown, {name: answer.json() for name, answer in answers.items()}, row)

    return look


def cell(told: Told, lens: Lens, key: str) -> Any:
    [row] = told.pages[f"fleet {lens}"].context["rows"]
    return {column.key: found for column, found in row.shown}[key]


def assert_unknown(told: Told, subject: str, reason: str) -> None:
    """On the page of the subject, in the fleet and by the API, with ``reason`` in the words of each."""
    assert GREEN not in told.text(subject)
    assert reason.lower() in told.text(subject).lower()
    assert told.api[subject]["standing"] == told.row[subject] == "unknown"
    assert reason.lower() in told.api[subject]["reason"].lower()
    assert reason.lower() in told.row[f"{subject}_reason"].lower()
    found = cell(told, Lens.HEALTH, subject)
    assert (found.value, found.tone) == ("unknown", "unknown")
    assert reason.lower() in found.note.lower()


def pass_time(deployment: Deployment) -> None:
    """So long that the last reading says nothing of now."""
    HealthSource.objects.filter(deployment=deployment).update(
        minute=timezone.now() - STALE_AFTER - timedelta(minutes=1)
    )


def test_an_endpoint_that_is_never_asked_is_unknown(
    quiet: str, deployed: Callable[[str], Deployment], told: Callable[[Deployment], Told]
) -> None:
    deployment = deployed(quiet)
    scrape_endpoint(deployment.pk)
    found = told(deployment)
    assert_unknown(found, "health", "None since monitoring began")
    assert (found.row["p99_ms"], found.row["last_request_at"]) == (None, None)


def test_nothing_is_known_of_an_endpoint_before_the_first_reading(
    quiet: str, deployed: Callable[[str], Deployment], told: Callable[[Deployment], Told]
) -> None:
    found = told(deployed(quiet))
    assert_unknown(found, "health", "never read")
    assert found.row["requests_24h"] is None
    assert not [name for name in found.pages if GREEN in found.text(name)]


def test_an_endpoint_that_was_stopped_is_unknown_though_it_was_passing(
    place: RunningSandbox,
    endpoint: Endpoint,
    deployed: Callable[[str], Deployment],
    told: Callable[[Deployment], Told],
) -> None:
    name = endpoint()
    deployment = deployed(name)
    place.client().serving_endpoints.query(name, dataframe_records=[{"mood": "well"}])

    def is_passing() -> bool:
        HealthSource.objects.filter(deployment=deployment).update(minute=None)
        scrape_endpoint(deployment.pk)
        return Watch.objects.filter(deployment=deployment, health="passing").exists()

    wait_until(is_passing, 120)
    assert GREEN in told(deployment).text("health")
    place.client().serving_endpoints.delete(name)
    pass_time(deployment)
    scrape_endpoint(deployment.pk)
    assert_unknown(told(deployment), "health", "Metrics were last read 11 min ago")


@pytest.mark.long
def test_a_table_that_was_dropped_makes_drift_unknown(
    place: RunningSandbox,
    quiet: str,
    deployed: Callable[[str], Deployment],
    told: Callable[[Deployment], Told],
) -> None:
    deployment = deployed(quiet)
    place.client().tables.delete(f"{CATALOG}.{SCHEMA}.{quiet.replace('-', '_')}_payload")

    def has_ended() -> bool:
        watch_drift(deployment.pk)
        return DriftJob.objects.exclude(finished_at=None).filter(deployment=deployment).exists()

    wait_until(has_ended, 180)
    found = told(deployment)
    assert_unknown(found, "drift", "the table does not exist yet")


def test_billing_tables_that_may_not_be_read_make_costs_unknown(
    place: RunningSandbox,
    quiet: str,
    deployed: Callable[[str], Deployment],
    told: Callable[[Deployment], Told],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deployment = deployed(quiet)
    monkeypatch.setenv("TEST_DATABRICKS_TOKEN", place.new_user(f"{uuid.uuid4().hex[:8]}@example.com"))
    cost.import_costs(deployment.workspace_id)
    tell_costs(deployment.workspace, cost.month_of(timezone.now().date()))
    error = BillingSource.objects.get().error
    found = told(deployment)
    assert found.api["cost"]["month_to_date"] is None
    assert found.api["cost"]["sources"][0]["error"] == error
    assert (found.row["cost"], found.row["cost_reason"]) == ("unknown", error)
    assert (cell(found, Lens.COST, "billed").tone, cell(found, Lens.COST, "cost").value) == ("unknown", None)
    assert cell(found, Lens.COST, "budget").tone == "unknown"
    assert cell(found, Lens.COST, "budget").note == error
    for page in ("cost", "all costs"):
        assert GREEN not in found.text(page)
        assert "No access to the billing tables" in found.text(page)
        assert "0.00 USD" not in found.text(page)
