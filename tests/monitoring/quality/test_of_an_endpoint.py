"""Quality of an endpoint that really serves: requests with ids, the rows the workspace keeps of them, and labels."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    ServedEntityInput,
)
from sklearn.metrics import accuracy_score, f1_score

from accounts.models import Team, User
from deployments.models import Deployment
from integrations import databricks
from monitoring.models import QualityDay, QualityJob
from monitoring.quality import counting as quality
from monitoring.quality.presenters import quality_view
from tests import http
from tests.deployments.conftest import make_deployment
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.monitoring.quality.labelling import name_labels
from tests.sandbox.delta_tables import add_table
from tests.sandbox.endpoint_models import register
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.waiting import wait_until
from web.ranges import parse_range

pytestmark = pytest.mark.django_db
CATALOG, ENDPOINT = "quality_served", "moody-quality"
MODEL, LABELS = f"{CATALOG}.moods.moody", f"{CATALOG}.moods.outcomes"
# The model answers with the mood that it is asked about.
MOODS = ("good", "bad", "so so")


@pytest.fixture
def endpoint(sandbox: RunningSandbox) -> str:
    client = sandbox.client()
    client.catalogs.create(name=CATALOG)
    client.schemas.create(name="moods", catalog_name=CATALOG)
    register(sandbox, MODEL)
    entity = ServedEntityInput(
        entity_name=MODEL, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    kept = AiGatewayInferenceTableConfig(
        enabled=True, catalog_name=CATALOG, schema_name="moods", table_name_prefix="moody"
    )
    client.serving_endpoints.create_and_wait(
        ENDPOINT,
        config=EndpointCoreConfigInput(name=ENDPOINT, served_entities=[entity]),
        ai_gateway=AiGatewayConfig(inference_table_config=kept),
        timeout=timedelta(seconds=90),
    )
    return ENDPOINT


@pytest.fixture
def deployment(sandbox: RunningSandbox, endpoint: str, team: Team, deployer: User) -> Deployment:
    workspace = WorkspaceFactory.create(host=sandbox.url)
    EnvironmentFactory.create(workspace=workspace, catalog_name=CATALOG)
    model = RegisteredModelFactory.create(
        workspace=workspace, team=team, catalog_name=CATALOG, schema_name="moods", name="moody"
    )
    made = make_deployment(ModelVersionFactory.create(model=model, version=1), deployer, endpoint)
    table = {"enabled": True, "catalog_name": CATALOG, "schema_name": "moods", "table_name_prefix": "moody"}
    made.intended = {**made.intended, "inference_table": table}
    made.save()
    return made


def ask(sandbox: RunningSandbox, moods: dict[str, str]) -> None:
    """One request for each {client_request_id: mood}."""
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    with http.Client(base_url=sandbox.url, headers=headers, timeout=60) as client:
        for name, mood in moods.items():
            body = {"client_request_id": name, "dataframe_records": [{"mood": mood}]}
            client.post(f"/serving-endpoints/{ENDPOINT}/invocations", json=body).raise_for_status()


def give_labels(sandbox: RunningSandbox, labels: dict[str, str]) -> None:
    columns = {"order_id": list(labels), "outcome": list(labels.values())}
    add_table(sandbox, LABELS, pa.table(columns))


def count(deployment: Deployment, sandbox: RunningSandbox, now: datetime) -> QualityJob:
    remote = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)

    def has_ended() -> bool:
        row = Deployment.objects.select_related("workspace", "model").get(pk=deployment.pk)
        job = quality.step(row, connect=lambda _: remote, now=now)
        assert job is not None
        assert job.status != "failed", job.message
        return job.status == "done" and job.finished_at == now

    wait_until(has_ended, 180)
    return QualityJob.objects.get()


@pytest.mark.long
def test_of_200_requests_41_percent_have_labels_and_the_figures_are_those_computed_here(
    sandbox: RunningSandbox, deployment: Deployment, deployer: User
) -> None:
    source = random.Random(3)
    predicted = {f"order-{index}": source.choice(MOODS) for index in range(200)}
    actual = {name: mood if source.random() < 0.7 else source.choice(MOODS) for name, mood in predicted.items()}
    ask(sandbox, predicted)
    known = dict(list(actual.items())[:82])
    give_labels(sandbox, known)
    name_labels(deployment, deployer, table=LABELS, label_column="outcome", time_column="", positive_label="good")
    now = datetime.now(UTC)

    def are_all_kept() -> bool:
        """Rows come to the table a moment after the answers."""
        nonlocal now
        now = max(now + timedelta(hours=7), datetime.now(UTC))
        count(deployment, sandbox, now)
        return sum(row.predictions for row in QualityDay.objects.all()) == 200

    wait_until(are_all_kept, 180)
    view = quality_view(deployment, now, parse_range("30d", "", "", now))
    (row,) = view.versions
    assert (row.version, row.counts.coverage, row.counts.with_id) == (1, 0.41, 200)
    truth, answers = list(known.values()), [predicted[name] for name in known]
    assert row.values["accuracy"] == pytest.approx(accuracy_score(truth, answers), abs=1e-9)
    assert row.values["macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro"), abs=1e-9)
    assert row.values["f1"] == pytest.approx(f1_score(truth, answers, labels=["good"], average=None)[0], abs=1e-9)

    give_labels(sandbox, actual)
    later = now + timedelta(hours=7)
    count(deployment, sandbox, later)
    (row,) = quality_view(deployment, later, parse_range("30d", "", "", later)).versions
    assert (row.counts.coverage, row.counts.predictions) == (1.0, 200)
    assert row.values["accuracy"] == pytest.approx(
        accuracy_score(list(actual.values()), list(predicted.values())), abs=1e-9
    )
