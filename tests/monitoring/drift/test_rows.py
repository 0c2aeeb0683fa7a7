"""The rows behind a point of drift: for those who may deploy, a few, audited, and over the SQL of a real sandbox."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from auditlog.models import LogEntry
from deltalake import DeltaTable
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Team, User
from catalog.models import ModelVersion
from deployments.models import Deployment
from integrations import databricks
from integrations.errors import IntegrationError
from monitoring.drift import rows as drift_rows
from monitoring.drift.rows import REQUESTS, query_behind, rows_behind
from tests.deployments.conftest import make_deployment
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.monitoring.drift.drifting import Traffic, give_table, normal
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.sketches.recorded_payloads import payload

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = {"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T10:00:00Z"}


class Warehouse:
    """A workspace that answers with ``records``, or raises them."""

    records: list[dict[str, Any]] | IntegrationError

    def __init__(self) -> None:
        self.asked: list[str] = []
        rows: list[dict[str, Any]] = [{"amount": 1.5, "country": "DE", "age": 40}, {"amount": None, "country": "<b>"}]
        self.records = [payload("r1", NINE, "card_fraud-3", rows, [0.25, 0.75], "dataframe_records")]

    def execute_sql(self, statement: str, **options: Any) -> Any:
        self.asked.append(statement)
        if isinstance(self.records, IntegrationError):
            raise self.records
        return SimpleNamespace(records=self.records)


@pytest.fixture
def warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    fake = Warehouse()
    monkeypatch.setattr(drift_rows, "connect", lambda row: fake)
    return fake


@pytest.fixture
def watched(model_version: ModelVersion, deployer: User) -> Deployment:
    deployment = make_deployment(model_version, deployer, "card-fraud")
    give_table(deployment)
    return deployment


def page(deployment: Deployment) -> str:
    return reverse("monitoring:drift_rows", args=[deployment.pk])


def test_a_deployer_sees_rows_and_the_query_and_the_audit_trail_knows(
    client: Client, deployer: User, watched: Deployment, warehouse: Warehouse
) -> None:
    client.force_login(deployer)
    answer = client.get(page(watched), {**ASKED, "feature": "country"}).content.decode()
    for text in ("r1", "DE", "&lt;b&gt;", "0.75", "SELECT databricks_request_id"):
        assert text in answer
    assert answer.index("country") < answer.index("amount")
    [entry] = LogEntry.objects.get_for_object(watched).filter(action=LogEntry.Action.ACCESS)
    assert (entry.actor, entry.changes_dict) == (
        deployer,
        {"requests_looked_at": ["", "2026-11-20 09:00 to 2026-11-20 10:00 UTC"]},
    )


def test_the_api_gives_the_same_rows(
    deployer: User, watched: Deployment, warehouse: Warehouse, api_as: Callable[[User], APIClient]
) -> None:
    found = api_as(deployer).get(f"/api/v1/deployments/{watched.pk}/drift/rows/", ASKED).json()
    assert found["query"] == warehouse.asked[0]
    assert [(row["prediction"], row["values"]["country"]) for row in found["rows"]] == [(0.25, "DE"), (0.75, "<b>")]
    assert found["rows"][1]["values"]["amount"] is None


def test_rows_are_of_the_version_that_the_page_shows(
    client: Client, deployer: User, watched: Deployment, warehouse: Warehouse, api_as: Callable[[User], APIClient]
) -> None:
    client.force_login(deployer)
    assert "of version 3" in client.get(page(watched), {**ASKED, "version": "3"}).content.decode()
    asked = {**ASKED, "version": "3"}
    found = api_as(deployer).get(f"/api/v1/deployments/{watched.pk}/drift/rows/", asked).json()
    assert (found["query"], found["note"]) == (warehouse.asked[1], "")
    assert warehouse.asked[0] == warehouse.asked[1]
    assert "served_entity_id IN ('card_fraud-3')" in found["query"]
    assert "endpoint_name = 'card-fraud' AND entity_version = '3'" in found["query"]
    for wrong in ("0", "three", "3'--"):
        assert client.get(page(watched), {**ASKED, "version": wrong}).status_code == 400
        told = api_as(deployer).get(f"/api/v1/deployments/{watched.pk}/drift/rows/", {**ASKED, "version": wrong})
        assert (told.status_code, list(told.json()["fields"])) == (400, ["version"])
    assert len(warehouse.asked) == 2


def test_rows_of_all_versions_say_so_where_the_workspace_cannot_tell_them_apart(
    client: Client, deployer: User, watched: Deployment, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, words = warehouse.execute_sql, "no SELECT on system.serving.served_entities"

    def refuse(statement: str, **options: Any) -> Any:
        found = answer(statement, **options)
        if "served_entities" in statement:
            raise IntegrationError(words, permanent=True, source="databricks", code="INSUFFICIENT_PERMISSIONS")
        return found

    monkeypatch.setattr(warehouse, "execute_sql", refuse)
    client.force_login(deployer)
    page_text = client.get(page(watched), {**ASKED, "version": "3"}).content.decode()
    assert "Not filtered by version" in page_text
    assert words in page_text
    assert "r1" in page_text
    assert ["served_entities" in statement for statement in warehouse.asked] == [True, False]
    [entry] = LogEntry.objects.get_for_object(watched).filter(action=LogEntry.Action.ACCESS)
    assert entry.actor == deployer


def test_who_may_not_deploy_sees_no_row(
    client: Client, viewer: User, watched: Deployment, warehouse: Warehouse, api_as: Callable[[User], APIClient]
) -> None:
    client.force_login(viewer)
    assert client.get(page(watched), ASKED).status_code == 403
    assert api_as(viewer).get(f"/api/v1/deployments/{watched.pk}/drift/rows/", ASKED).status_code == 403
    assert not warehouse.asked


@pytest.mark.parametrize(
    ("code", "words"),
    [("TIMEOUT", "the warehouse is still starting"), ("INSUFFICIENT_PERMISSIONS", "no SELECT on the table")],
)
def test_what_cannot_be_read_is_told_in_words(
    client: Client, deployer: User, watched: Deployment, warehouse: Warehouse, code: str, words: str
) -> None:
    warehouse.records = IntegrationError("no SELECT on the table", permanent=False, source="databricks", code=code)
    client.force_login(deployer)
    answer = client.get(page(watched), ASKED)
    assert answer.status_code == 200
    assert words in answer.content.decode()


def test_a_time_without_requests_and_one_that_is_none(
    client: Client, deployer: User, watched: Deployment, warehouse: Warehouse
) -> None:
    warehouse.records = []
    client.force_login(deployer)
    assert "No successful, readable requests" in client.get(page(watched), ASKED).content.decode()
    assert client.get(page(watched), {"from": "soon"}).status_code == 400


def test_the_query_reads_rows_of_a_real_warehouse(
    sandbox: RunningSandbox, team: Team, deployer: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = WorkspaceFactory.create(host=sandbox.url)
    EnvironmentFactory.create(workspace=workspace, catalog_name="rows_tests")
    model = RegisteredModelFactory.create(workspace=workspace, team=team, catalog_name="rows_tests", name="card_fraud")
    deployment = make_deployment(ModelVersionFactory.create(model=model, version=3), deployer, "card-fraud")
    give_table(deployment)
    traffic = Traffic(tmp_path / "table")
    for hours in range(3):
        traffic.send(500, NINE + hours * HOUR, normal)
    content = DeltaTable(str(traffic.path)).to_pyarrow_table()
    add_table(sandbox, f"rows_tests.{model.schema_name}.card_fraud_payload", content)
    remote = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)
    monkeypatch.setattr(drift_rows, "connect", lambda row: remote)
    behind = rows_behind(deployment=deployment, start=NINE + HOUR, end=NINE + 2 * HOUR, actor=deployer)
    assert len(behind.rows) == REQUESTS * 10
    assert all(NINE + HOUR <= row["at"] < NINE + 2 * HOUR for row in behind.rows)
    assert behind.rows[0]["at"] >= behind.rows[-1]["at"]
    assert {row["country"] for row in behind.rows} == {"DE", "FR", "ÖÜ"}
    assert query_behind(deployment, NINE, NINE + HOUR).startswith("SELECT databricks_request_id")

    # Half of the requests were answered by another version.
    entities = ["card_fraud-4" if row % 2 else "card_fraud-3" for row in range(content.num_rows)]
    place = content.schema.get_field_index("served_entity_id")
    content = content.set_column(place, "served_entity_id", pa.array(entities))
    add_table(sandbox, f"rows_tests.{model.schema_name}.card_fraud_payload", content)
    wanted = {
        row["databricks_request_id"]
        for row in content.to_pylist()
        if row["served_entity_id"] == "card_fraud-4" and NINE <= row["request_time"] < NINE + 3 * HOUR
    }
    behind = rows_behind(deployment=deployment, start=NINE, end=NINE + 3 * HOUR, actor=deployer, version=4)
    assert behind.note == ""
    assert len(behind.rows) == REQUESTS * 10
    assert {row["request_id"] for row in behind.rows} <= wanted
