"""Hours without metrics, filled from the inference table: over the SQL of a real sandbox, and by the rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team, User
from deployments.models import Deployment
from integrations import databricks
from integrations.errors import IntegrationError
from integrations.metrics import Window
from monitoring.health.history import NO_ROWS, PastHour, keep, merged, read_history
from monitoring.health.models import COARSE
from monitoring.models import HealthBucket, HealthHistory
from monitoring.watched.versions import quoted
from tests.deployments.conftest import deployment, make_deployment, sent, spec
from tests.factories import EnvironmentFactory, ModelVersionFactory, RegisteredModelFactory, WorkspaceFactory
from tests.monitoring.drift.drifting import give_table
from tests.sandbox.delta_tables import add_table
from tests.sandbox.running import ADMIN_TOKEN, RunningSandbox
from tests.sketches.recorded_payloads import payload, write

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
__all__ = ["deployment", "sent", "spec"]
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)


def hour(start: datetime, requests: float = 10, version: str = "3", failed: float = 0) -> PastHour:
    return PastHour(start, version, Window(requests, 0, failed, {10.0: requests / 2, float("inf"): requests}))


def told(deployment: Deployment) -> list[tuple[datetime, str, float, bool]]:
    rows = HealthBucket.objects.filter(deployment=deployment, width=COARSE)
    return list(rows.values_list("start", "version", "requests", "is_backfilled"))


def test_hours_between_two_with_requests_had_none(deployment: Deployment) -> None:
    assert keep(deployment, [hour(NINE - 2 * HOUR), hour(NINE)], NOW) == 3
    assert [(row[0].hour, row[2]) for row in told(deployment)] == [(7, 10), (8, 0), (9, 10)]


def test_what_was_read_from_metrics_stays(deployment: Deployment) -> None:
    HealthBucket.objects.create(deployment=deployment, version="3", width=COARSE, start=NINE, minutes=7, requests=2)
    for _ in range(2):
        assert keep(deployment, [hour(NINE - HOUR), hour(NINE)], NOW) == 1
    assert [(row[0].hour, row[2], row[3]) for row in told(deployment)] == [(8, 10, True), (9, 2, False)]


def test_neither_the_hour_that_is_not_over_nor_what_is_forgotten_is_filled(deployment: Deployment) -> None:
    assert keep(deployment, [hour(NOW.replace(minute=0))], NOW) == 0
    assert keep(deployment, [hour(NINE - timedelta(days=32))], NOW) == 0
    assert told(deployment) == []


def test_one_version_under_two_ids_is_one_version() -> None:
    [found] = merged([hour(NINE), hour(NINE, failed=1)])
    assert (found.window.requests, found.window.errors_5xx, found.window.latency[10.0]) == (20, 1, 10)


def test_names_of_tables_are_quoted_whatever_is_in_them() -> None:
    assert quoted("a.b-c.d`e") == "`a`.`b-c`.`d``e`"


def test_windows_with_other_bounds_add_up_to_one_that_rises() -> None:
    together = Window(4, latency={10.0: 2.0, float("inf"): 4.0}) + Window(3, latency={5.0: 1.0, float("inf"): 3.0})
    assert together.latency == {5.0: 1.0, 10.0: 3.0, float("inf"): 7.0}


class Refusing:
    def execute_sql(self, statement: str, **options: Any) -> Any:
        raise IntegrationError("the table may not be read", permanent=True, source="databricks")


def asked(deployment: Deployment, actor: User) -> HealthHistory:
    return HealthHistory.objects.create(deployment=deployment, asked_by=actor, asked_at=NOW)


def test_a_table_that_may_not_be_read_is_told_in_words(deployment: Deployment, deployer: User) -> None:
    give_table(deployment)
    history = asked(deployment, deployer)
    read_history(history, connect=lambda _: Refusing(), now=NOW)  # type: ignore[arg-type, return-value]
    history.refresh_from_db()
    assert (history.error, history.ended_at, history.hours) == ("the table may not be read", NOW, 0)


def test_an_endpoint_without_a_table_says_so(deployment: Deployment, deployer: User) -> None:
    history = asked(deployment, deployer)
    read_history(history, now=NOW)
    history.refresh_from_db()
    assert "inference table of this endpoint is off" in history.error


@pytest.fixture
def page(client: Client, deployer: User) -> Client:
    client.force_login(deployer)
    return client


def url(name: str, *args: Any) -> str:
    return reverse(f"monitoring:{name}", args=args)


def test_a_person_has_the_past_read_and_sees_how_it_goes(
    page: Client,
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    give_table(deployment)
    health = url("health", deployment.model.full_name)
    assert "Fill from inference table" in page.get(health).content.decode()
    started: list[int] = []
    monkeypatch.setattr("monitoring.health.services.read_health_history.delay", started.append)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            answer = page.post(url("health_history", deployment.pk), follow=True)
    assert started == [deployment.pk]
    assert "Counting requests in the inference table" in answer.content.decode()
    assert "Counting requests" in page.get(url("health_history", deployment.pk)).content.decode()
    HealthHistory.objects.update(ended_at=timezone.now(), error=NO_ROWS)
    assert page.get(url("health_history", deployment.pk)).headers["HX-Refresh"] == "true"
    assert NO_ROWS in page.get(health).content.decode()


def test_a_viewer_may_not_ask(client: Client, viewer: User, deployment: Deployment) -> None:
    give_table(deployment)
    client.force_login(viewer)
    assert "Fill from" not in client.get(url("health", deployment.model.full_name)).content.decode()
    assert client.post(url("health_history", deployment.pk)).status_code == 403
    assert not HealthHistory.objects.exists()


def test_without_an_inference_table_the_api_refuses(client: Client, deployer: User, deployment: Deployment) -> None:
    client.force_login(deployer)
    asked = f"/api/v1/deployments/{deployment.pk}/health/history/"
    answer = client.post(asked, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid.uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_inference_table")


@pytest.fixture
def adopted(sandbox: RunningSandbox, team: Team, deployer: User, tmp_path: Path) -> Deployment:
    """Of an endpoint that answered for two days before anybody watched it, some requests delivered twice."""
    workspace = WorkspaceFactory.create(host=sandbox.url)
    EnvironmentFactory.create(workspace=workspace, catalog_name="health_tests")
    model = RegisteredModelFactory.create(
        workspace=workspace, team=team, catalog_name="health_tests", name="card_fraud"
    )
    deployment = make_deployment(ModelVersionFactory.create(model=model, version=3), deployer, "card-fraud")
    give_table(deployment)
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=48)
    rows = [
        payload(f"r{n}", start + timedelta(minutes=10 * n), "card_fraud-3", [{"amount": 1.0}], [0.5], "instances")
        for n in range(60)
    ]
    for row in rows[::6]:
        row |= {"status_code": 500, "execution_duration_ms": 700}
    write(tmp_path / "table", [*rows, *rows[:10]])
    name = f"health_tests.{model.schema_name}.card_fraud_payload"
    add_table(sandbox, name, DeltaTable(str(tmp_path / "table")).to_pyarrow_table())
    return deployment


def test_the_past_of_an_adopted_endpoint_is_read_over_sql(
    adopted: Deployment, sandbox: RunningSandbox, deployer: User
) -> None:
    remote = databricks.WorkspaceClient(sandbox.url, databricks.Credentials(token=ADMIN_TOKEN), retry_timeout_s=5)
    history = HealthHistory.objects.create(deployment=adopted, asked_by=deployer, asked_at=timezone.now())
    for _ in range(2):
        read_history(history, connect=lambda _: remote)
    history.refresh_from_db()
    assert (history.error, history.hours) == ("", 10)
    rows = HealthBucket.objects.filter(deployment=adopted, width=COARSE, is_backfilled=True)
    assert {(row.version, row.requests, row.errors_5xx, row.minutes) for row in rows} == {("3", 6.0, 1.0, 60)}
    assert rows[0].window.model_latency[float("inf")] == 6.0
    assert rows[0].window.model_latency[500.0] == 5.0
    assert rows[0].latency == {}
