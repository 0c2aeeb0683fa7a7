"""Cleaning up for real: exactly what the run made goes, what was there before stays, and the lock is free."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import User
from deployments.deployment.specs import parse_spec
from deployments.models import Deployment, Run, StateLock
from deployments.runs import services
from deployments.runs.statuses import RunStatus
from deployments.stages import cleaning as stages_cleaning
from deployments.stages import stopping
from deployments.tfstate import store as statestore
from integrations.databricks.records import QueryResult
from tests.deployments.stages.whole_runs import (
    HalfWorkspace,
    advance_to,
    advance_to_the_end,
    answer_500_to_the_create_once,
    deploy,
    log_of,
    working_on,
    workspace_api,
)
from tests.factories import ModelVersionFactory
from tests.terraform.fake_workspace import FakeWorkspace
from tests.terraform.rig import installed
from tests.waiting import wait_until
from web import errors

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "installed", "workspace_api"]

NEIGHBOUR = {
    "name": "somebody-elses",
    "config": {"served_entities": [{"name": "a", "entity_name": "a.b.c", "entity_version": "1"}]},
}


def test_after_a_half_failed_create_exactly_that_endpoint_goes_and_the_lock_is_free(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    workspace_api._create(NEIGHBOUR)
    workspace_api.after.append(answer_500_to_the_create_once(workspace_api))
    run = advance_to_the_end(deploy())
    assert run.status == RunStatus.FAILED
    assert run.left_behind == ["serving endpoint card-fraud"]
    workspace_api.requests.clear()
    cleaning = advance_to_the_end(stages_cleaning.clean_up(run=run, actor=deployer))
    assert cleaning.status == RunStatus.SUCCEEDED, log_of(cleaning)
    assert workspace_api.changes() == [("DELETE", "/api/2.0/serving-endpoints/card-fraud")]
    assert set(workspace_api.endpoints) == {"somebody-elses"}
    assert not StateLock.objects.exists()
    assert statestore.resource_addresses(run.deployment_id) == []
    assert Deployment.objects.get().destroyed_at


@pytest.mark.long
def test_after_a_cancelled_create_the_endpoint_that_was_on_its_way_goes(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)
    with working_on(run):
        wait_until(lambda: "card-fraud" in workspace_api.endpoints, 20)
        stopping.cancel(run=run, actor=deployer)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED, log_of(run)
    assert "serving endpoint card-fraud" in run.left_behind
    workspace_api._finish(workspace_api.endpoints["card-fraud"])
    cleaning = advance_to_the_end(stages_cleaning.clean_up(run=run, actor=deployer))
    assert cleaning.status == RunStatus.SUCCEEDED, log_of(cleaning)
    assert workspace_api.endpoints == {}
    assert not StateLock.objects.exists()


@pytest.mark.long
def test_a_version_that_failed_its_smoke_test_goes_and_the_good_one_comes_back(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = advance_to_the_end(deploy())
    assert first.status == RunStatus.SUCCEEDED, log_of(first)
    assert first.left_behind == ["module.endpoint.databricks_model_serving.this"]
    example = {"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}
    ModelVersionFactory.create(model=first.deployment.model, version=4, input_example=example)
    update = parse_spec({**first.spec, "version": "4"})
    with monkeypatch.context() as failing:
        failing.setattr(HalfWorkspace, "query", lambda *_, **__: QueryResult(400, "nonsense", 12.0))
        run = services.request_update(deployment=first.deployment, spec=update, actor=deployer)
        run = advance_to_the_end(run)
    assert run.status == RunStatus.FAILED, log_of(run)
    assert run.left_behind == ["version 4 of staging.fraud.card_fraud on card-fraud"]
    cleaning = advance_to_the_end(stages_cleaning.clean_up(run=run, actor=deployer))
    assert cleaning.status == RunStatus.SUCCEEDED, log_of(cleaning)
    served = workspace_api.endpoints["card-fraud"]["config"]["served_entities"]
    assert [entity["entity_version"] for entity in served] == ["3"]
    assert Deployment.objects.get().spec["version"] == "3"
    assert not StateLock.objects.exists()


def test_after_an_update_that_never_served_there_is_nothing_to_clean(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], deployer: User
) -> None:
    first = advance_to_the_end(deploy())
    ModelVersionFactory.create(model=first.deployment.model, version=4)
    workspace_api.build_error = "could not install scikit-learn"
    update = parse_spec({**first.spec, "version": "4"})
    run = advance_to_the_end(services.request_update(deployment=first.deployment, spec=update, actor=deployer))
    assert run.status == RunStatus.FAILED
    assert run.left_behind == []
    with pytest.raises(errors.Refused, match="left nothing behind"):
        stages_cleaning.clean_up(run=run, actor=deployer)
