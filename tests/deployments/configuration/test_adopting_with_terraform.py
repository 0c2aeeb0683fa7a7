"""Endpoints that were made by hand: adopted with an empty plan as proof, changed behind our back, put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Team, User
from catalog.models import Environment, ModelVersion
from deployments.configuration import adopting, checking, listing
from deployments.configuration import services as configuration_services
from deployments.deployment.specs import parse_spec
from deployments.models import ConfigCheck, Deployment, Run, StateLock, UnmanagedEndpoint
from deployments.runs import queue
from deployments.runs import services as runs_services
from deployments.runs.statuses import RunKind, RunStatus
from deployments.tfstate import store as statestore
from integrations.databricks.credentials import Credentials
from integrations.terraform.files import ENDPOINT_ADDRESS
from tests.deployments.stages.whole_runs import HalfWorkspace, advance_to_the_end, deploy, log_of, workspace_api
from tests.terraform.fake_workspace import TOKEN, FakeWorkspace
from tests.terraform.rig import installed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "installed", "workspace_api"]

ENTITY = {
    "name": "card_fraud-3",
    "entity_name": "staging.fraud.card_fraud",
    "entity_version": "3",
    "workload_size": "Medium",
    "scale_to_zero_enabled": False,
    "environment_vars": {"MODE": "{{secrets/fraud/mode}}"},
}


def make_by_hand(fake: FakeWorkspace, **changes: Any) -> None:
    """An endpoint that somebody made in the workspace, ready."""
    entity = {**ENTITY, **changes.pop("entity", {})}
    routes = [{"served_model_name": entity["name"], "traffic_percentage": 100}]
    body = {
        "name": "by-hand",
        "config": {"served_entities": [entity], "traffic_config": {"routes": routes}},
        "tags": [{"key": "owner", "value": "eva"}, {"key": "cost_center", "value": "7"}],
        **changes,
    }
    fake._create(body)
    fake._finish(fake.endpoints[body["name"]])
    fake.requests.clear()


@pytest.fixture
def by_hand(workspace_api: FakeWorkspace, model_version: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``by_hand(**changes)``: an endpoint made by hand, listed by a worker."""
    monkeypatch.setattr(queue, "advance_soon", lambda run_id: None)
    connection = HalfWorkspace(workspace_api.url, Credentials(token=TOKEN), retry_timeout_s=1)
    monkeypatch.setattr(listing, "connect", lambda row: connection)
    monkeypatch.setattr(checking, "connect", lambda row: connection)

    def make(**changes: Any) -> UnmanagedEndpoint:
        make_by_hand(workspace_api, **changes)
        listing.list_unmanaged(model_version.model.workspace)
        workspace_api.requests.clear()
        return UnmanagedEndpoint.objects.get()

    return make


def adopt(actor: User, team: Team, environment: Environment) -> Run:
    run = adopting.adopt_endpoint(name="by-hand", environment=environment, team=team, actor=actor)
    return advance_to_the_end(run)


def calls(fake: FakeWorkspace) -> list[tuple[str, str]]:
    return [(method, path) for method, path in fake.changes() if "/serving-endpoints" in path]


GATEWAY = {
    "inference_table_config": {
        "enabled": True,
        "catalog_name": "staging",
        "schema_name": "logs",
        "table_name_prefix": "of_eva",
    },
    "usage_tracking_config": {"enabled": True},
}


@pytest.mark.parametrize("changes", [{"ai_gateway": GATEWAY}, {"tags": [], "entity": {"name": "eva-s_own"}}])
def test_adopting_imports_the_endpoint_and_touches_nothing(
    workspace_api: FakeWorkspace,
    by_hand: Any,
    deployer: User,
    team: Team,
    environment: Environment,
    changes: dict[str, Any],
) -> None:
    by_hand(**changes)
    run = adopt(deployer, team, environment)
    assert run.status == RunStatus.SUCCEEDED, log_of(run)
    assert run.plan.summary["import"] == 1
    assert calls(workspace_api) == []
    assert statestore.resource_addresses(run.deployment_id) == [ENDPOINT_ADDRESS]
    assert not StateLock.objects.exists()
    deployment = Deployment.objects.get()
    assert (deployment.name, deployment.team, deployment.live_version) == ("by-hand", team, "3")
    assert deployment.spec["compute"] == {"workload_type": "CPU", "workload_size": "Medium", "scale_to_zero": False}
    assert not UnmanagedEndpoint.objects.unmanaged().exists()
    checking.check(deployment)
    assert ConfigCheck.objects.get().status == "in_sync", ConfigCheck.objects.get().differences


def test_the_next_run_of_an_adopted_endpoint_only_adds_the_tags_of_slipway(
    workspace_api: FakeWorkspace, by_hand: Any, deployer: User, team: Team, environment: Environment
) -> None:
    by_hand(ai_gateway=GATEWAY)
    first = adopt(deployer, team, environment)
    assert first.status == RunStatus.SUCCEEDED, log_of(first)
    run = runs_services.request_update(deployment=first.deployment, spec=first.parsed_spec(), actor=deployer)
    run = advance_to_the_end(run)
    assert run.status == RunStatus.SUCCEEDED, log_of(run)
    assert calls(workspace_api) == [("PATCH", "/api/2.0/serving-endpoints/by-hand/tags")]
    assert run.plan.sentences == [
        "Tags only, no redeploy: environment set to staging, managed_by set to slipway, "
        f"slipway_deployment set to {run.deployment_id}, team set to fraud"
    ]
    assert workspace_api.endpoints["by-hand"]["ai_gateway"] == GATEWAY


def test_an_endpoint_that_is_not_what_its_spec_would_make_is_not_adopted_and_not_changed(
    workspace_api: FakeWorkspace, by_hand: Any, deployer: User, team: Team, environment: Environment
) -> None:
    by_hand()
    workspace_api.endpoints["by-hand"]["config"]["served_entities"][0]["workload_size"] = "Large"
    run = adopt(deployer, team, environment)
    assert run.status == RunStatus.FAILED
    assert "nothing was changed" in run.message
    assert "Large → Medium" in run.message
    assert calls(workspace_api) == []
    assert statestore.resource_addresses(run.deployment_id) == []
    assert UnmanagedEndpoint.objects.unmanaged().count() == 1

    listing.list_unmanaged(environment.workspace)
    again = adopt(deployer, team, environment)
    assert again.status == RunStatus.SUCCEEDED, log_of(again)
    assert again.deployment_id != run.deployment_id
    assert calls(workspace_api) == []


def test_destroying_an_adoption_that_failed_leaves_the_endpoint(
    workspace_api: FakeWorkspace, by_hand: Any, deployer: User, team: Team, environment: Environment
) -> None:
    by_hand()
    workspace_api.endpoints["by-hand"]["config"]["served_entities"][0]["workload_size"] = "Large"
    run = adopt(deployer, team, environment)
    destroy = advance_to_the_end(runs_services.request_destroy(deployment=run.deployment, actor=deployer))
    assert destroy.status == RunStatus.SUCCEEDED, log_of(destroy)
    assert "by-hand" in workspace_api.endpoints


def test_a_change_by_hand_is_seen_and_reverting_puts_it_back(
    workspace_api: FakeWorkspace, by_hand: Any, deploy: Callable[..., Run], deployer: User
) -> None:
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.SUCCEEDED, log_of(run)
    deployment = Deployment.objects.get()
    checking.check(deployment)
    assert ConfigCheck.objects.get().status == "in_sync", ConfigCheck.objects.get().differences
    workspace_api.endpoints["card-fraud"]["config"]["served_entities"][0]["workload_size"] = "Large"
    checking.check(deployment)
    found = ConfigCheck.objects.get()
    assert [(row["field"], row["intended"], row["live"]) for row in found.differences] == [
        ("Workload size", "Small", "Large")
    ]
    revert = configuration_services.revert_configuration(deployment=deployment, actor=deployer)
    revert = advance_to_the_end(revert)
    assert revert.status == RunStatus.SUCCEEDED, log_of(revert)
    assert revert.plan.sentences == ["Large → Small: 16\N{EN DASH}64 → 4 concurrent"]
    assert workspace_api.endpoints["card-fraud"]["config"]["served_entities"][0]["workload_size"] == "Small"
    assert ConfigCheck.objects.get().status == "unknown"
    checking.check(Deployment.objects.get())
    assert ConfigCheck.objects.get().status == "in_sync"


def test_after_accepting_a_change_the_next_run_has_nothing_to_do(
    workspace_api: FakeWorkspace, by_hand: Any, deploy: Callable[..., Run], deployer: User
) -> None:
    advance_to_the_end(deploy())
    endpoint = workspace_api.endpoints["card-fraud"]
    endpoint["config"]["served_entities"][0]["workload_size"] = "Large"
    endpoint["tags"].append({"key": "owner", "value": "eva"})
    checking.check(Deployment.objects.get())
    deployment = Deployment.objects.get()
    configuration_services.accept_configuration(deployment=deployment, actor=deployer)
    assert deployment.spec["tags"] == {"owner": "eva"}
    run = runs_services.request_update(deployment=deployment, spec=parse_spec(deployment.spec), actor=deployer)
    assert advance_to_the_end(run).status == RunStatus.NO_CHANGE, log_of(run)
    assert run.kind == RunKind.DEPLOY
