"""A rollout and a rollback with real Terraform: what reaches the workspace, and that nothing is built twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from catalog.models import ModelVersion
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, RolloutStep, Run
from deployments.rollouts import rolling_back
from deployments.rollouts.entities import percents_of
from deployments.runs import services
from deployments.runs.statuses import RunStatus
from deployments.stages import context as stage_context
from integrations.databricks.credentials import Credentials
from integrations.databricks.records import QueryResult
from tests.deployments.stages.whole_runs import HalfWorkspace, advance_to_the_end, deploy, log_of, workspace_api
from tests.terraform.fake_workspace import TOKEN, FakeWorkspace
from tests.terraform.rig import installed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "installed", "workspace_api"]

CONFIG = "/api/2.0/serving-endpoints/card-fraud/config"
OLD, NEW = "card_fraud-3", "card_fraud-4"
GOOD, BAD = (300, 0), (300, 90)


class MeteredWorkspace(HalfWorkspace):
    """Also answers for one served entity, and has metrics: ``minute`` is {entity: (requests, 5xx)}."""

    minute: dict[str, tuple[int, int]]
    fails: frozenset[str] = frozenset()

    def query_entity(self, name: str, entity: str, body: Any, *, timeout_s: float) -> QueryResult:
        return QueryResult(500 if entity in self.fails else 200, {"predictions": [0]}, 12.0, entity)

    def server_logs(self, name: str, entity: str) -> str:
        return "ready"

    def metrics(self, name: str) -> str:
        return "".join(
            f'request_count_total{{served_model="{entity}"}} {requests}\n'
            f'request_5xx_count_total{{served_model="{entity}"}} {errors}\n'
            for entity, (requests, errors) in self.minute.items()
        )


@pytest.fixture
def metered(workspace_api: FakeWorkspace, model_version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The workspace of these tests, and version 4 of the model; both versions have an input example."""
    example = {"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}
    ModelVersion.objects.filter(pk=model_version.pk).update(input_example=example)
    model_version.refresh_from_db()
    model_version.pk, model_version.version = None, 4
    model_version.save()
    connection = MeteredWorkspace(workspace_api.url, Credentials(token=TOKEN), retry_timeout_s=1)
    connection.minute = {OLD: GOOD, NEW: GOOD}
    monkeypatch.setattr(stage_context, "connect", lambda row: connection)
    return connection


@pytest.fixture
def update(deploy: Callable[..., Run], deployer: User, metered: Any) -> Callable[..., Run]:
    """Deploy version 3, then start a canary to version 4 whose bake time is over at once."""

    def start(**rollout: Any) -> Run:
        first = advance_to_the_end(deploy())
        assert first.status == RunStatus.SUCCEEDED, log_of(first)
        canary = {"strategy": "canary", "steps": [25, 100], "bake_minutes": 0, **rollout}
        spec = parse_spec({**first.spec, "version": "4", "rollout": canary})
        return services.request_update(deployment=first.deployment, spec=spec, actor=deployer)

    return start


def configs(fake: FakeWorkspace) -> list[tuple[list[str], dict[str, int]]]:
    """Every config that was put since the last call: (served entities, percents), in order; forgets them."""
    bodies = [request.json for request in fake.requests if (request.method, request.path) == ("PUT", CONFIG)]
    fake.requests.clear()
    return [(_names(body), _percents(body)) for body in bodies]


def _names(body: dict[str, Any]) -> list[str]:
    return sorted(entity["name"] for entity in body["served_entities"])


def _percents(body: dict[str, Any]) -> dict[str, int]:
    return {route["served_entity_name"]: route["traffic_percentage"] for route in body["traffic_config"]["routes"]}


def test_apply_gives_an_untested_version_no_traffic_and_the_rollout_moves_it(
    workspace_api: FakeWorkspace, update: Callable[..., Run], deployer: User
) -> None:
    run = update()
    workspace_api.requests.clear()
    assert advance_to_the_end(run, 40).status == RunStatus.SUCCEEDED, log_of(run)
    both = [OLD, NEW]
    assert configs(workspace_api) == [
        (both, {OLD: 100, NEW: 0}),
        (both, {OLD: 75, NEW: 25}),
        (both, {OLD: 0, NEW: 100}),
    ]
    assert Deployment.objects.get().live_version == "4"
    again = services.request_update(deployment=run.deployment, spec=run.parsed_spec(), actor=deployer)
    assert advance_to_the_end(again).status == RunStatus.NO_CHANGE, log_of(again)


@pytest.mark.long
def test_rolling_back_to_a_version_that_is_still_served_moves_traffic_only(
    workspace_api: FakeWorkspace, update: Callable[..., Run], deployer: User
) -> None:
    run = advance_to_the_end(update(), 40)
    workspace_api.requests.clear()
    deployment = Deployment.objects.get()
    [target] = rolling_back.rollback_targets(deployment)
    assert target.is_served
    back = rolling_back.request_rollback(deployment=deployment, to_run=target.run, actor=deployer)
    assert advance_to_the_end(back).status == RunStatus.SUCCEEDED, log_of(back)
    assert configs(workspace_api) == [([OLD, NEW], {OLD: 100, NEW: 0})]
    assert Deployment.objects.get().live_version == "3"
    forward = rolling_back.request_rollback(deployment=Deployment.objects.get(), to_run=run, actor=deployer)
    assert advance_to_the_end(forward).status == RunStatus.SUCCEEDED, log_of(forward)
    assert configs(workspace_api) == [([OLD, NEW], {OLD: 0, NEW: 100})]


@pytest.mark.long
def test_a_breach_puts_the_traffic_back_and_the_next_try_builds_nothing(
    workspace_api: FakeWorkspace, update: Callable[..., Run], metered: Any, deployer: User
) -> None:
    metered.minute = {OLD: GOOD, NEW: BAD}
    run = update()
    workspace_api.requests.clear()
    assert advance_to_the_end(run, 40).status == RunStatus.ROLLED_BACK, log_of(run)
    assert configs(workspace_api)[-1] == ([OLD, NEW], {OLD: 100, NEW: 0})
    assert percents_of(Deployment.objects.get().intended) == {OLD: 100, NEW: 0}
    assert RolloutStep.objects.get().rule == "error_rate"
    metered.minute = {OLD: GOOD, NEW: GOOD}
    again = services.request_update(deployment=run.deployment, spec=run.parsed_spec(), actor=deployer)
    assert advance_to_the_end(again, 40).status == RunStatus.SUCCEEDED, log_of(again)
    assert "the version is already served: only its traffic has to move" in log_of(again)
    assert configs(workspace_api) == [([OLD, NEW], {OLD: 75, NEW: 25}), ([OLD, NEW], {OLD: 0, NEW: 100})]


def test_a_version_that_fails_its_smoke_test_never_has_traffic(
    workspace_api: FakeWorkspace, update: Callable[..., Run], metered: Any
) -> None:
    metered.fails = frozenset({NEW})
    run = update()
    workspace_api.requests.clear()
    assert advance_to_the_end(run, 40).status == RunStatus.FAILED
    assert f"{OLD} still has all the traffic" in run.message
    assert configs(workspace_api) == [([OLD, NEW], {OLD: 100, NEW: 0})]


@pytest.mark.long
def test_a_rehearsal_measures_the_way_back_and_returns(
    workspace_api: FakeWorkspace,
    update: Callable[..., Run],
    metered: Any,
    deployer: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    advance_to_the_end(update(), 40)
    workspace_api.requests.clear()
    rehearsal = rolling_back.rehearse_rollback(deployment=Deployment.objects.get(), actor=deployer)
    for run in (rehearsal.rollback_run, rehearsal.return_run):
        assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    assert [percents for _, percents in configs(workspace_api)] == [{OLD: 100, NEW: 0}, {OLD: 0, NEW: 100}]
    rehearsal.refresh_from_db()
    assert rehearsal.seconds is not None
    assert rehearsal.tone == "ok"
    assert Deployment.objects.get().live_version == "4"
