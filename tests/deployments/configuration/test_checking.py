"""Looking at an endpoint: what is written down, what is left alone, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.models import User
from deployments.configuration import checking, services, tasks
from deployments.models import ConfigCheck, Deployment, Run
from deployments.runs.statuses import RunKind, RunStatus
from integrations.errors import IntegrationError
from tests.deployments.configuration.endpoints import INTENDED, live
from tests.deployments.conftest import make_deployment, make_run
from web.errors import Refused

pytestmark = pytest.mark.django_db
Look = Callable[[Any], None]


@pytest.fixture
def deployed(deployment: Deployment) -> Deployment:
    """card-fraud after a good run."""
    deployment.intended, deployment.intended_spec = INTENDED, {**deployment.spec, "tags": {"cost_center": "12"}}
    deployment.save()
    return deployment


@pytest.fixture
def look(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> Look:
    """``look(endpoint)``: a worker compares with this answer of the workspace, or with this error."""

    def compare(answer: Any) -> None:
        class Answering:
            def get_endpoint(self, name: str) -> Any:
                if isinstance(answer, Exception):
                    raise answer
                return answer() if callable(answer) else answer

        monkeypatch.setattr(checking, "connect", lambda workspace: Answering())
        tasks.check_config(deployed.pk)

    return compare


def found_of(deployment: Deployment) -> ConfigCheck:
    return ConfigCheck.objects.get(deployment=deployment)


# -- looking --------------------------------------------------------------------------------------


def test_a_change_by_hand_is_written_down_and_goes_away_when_it_is_undone(deployed: Deployment, look: Look) -> None:
    look(live(entity={"workload_size": "Medium"}))
    found = found_of(deployed)
    assert (found.status, found.differences[0]["field"]) == ("drifted", "Workload size")
    assert found.first_seen_at
    assert found.state().label == "Changed by hand"
    look(live())
    found = found_of(deployed)
    assert (found.status, found.differences, found.first_seen_at) == ("in_sync", [], None)


def test_a_difference_keeps_the_time_it_was_first_seen_and_a_new_one_has_its_own(
    deployed: Deployment, look: Look
) -> None:
    look(live(entity={"workload_size": "Medium"}))
    first = found_of(deployed)
    look(live(entity={"workload_size": "Medium", "scale_to_zero_enabled": False}))
    second = found_of(deployed)
    since = {row["field"]: row["first_seen_at"] for row in second.differences}
    assert since["Workload size"] == first.differences[0]["first_seen_at"] < since["Scale to zero"]
    assert second.first_seen_at == first.first_seen_at


def test_a_workspace_that_does_not_answer_makes_it_unknown_and_keeps_what_was_seen(
    deployed: Deployment, look: Look
) -> None:
    look(live(entity={"workload_size": "Medium"}))
    look(IntegrationError("503: try later", permanent=False))
    found = found_of(deployed)
    assert (found.status, found.error, found.state().tone) == ("unknown", "503: try later", "unknown")
    assert found.differences
    assert found.first_seen_at


def test_an_update_under_way_says_nothing(deployed: Deployment, look: Look) -> None:
    look(live(state={"ready": "READY", "config_update": "IN_PROGRESS"}, entity={"workload_size": "Large"}))
    assert found_of(deployed).status == "unknown"


def test_an_endpoint_that_is_gone_is_drift(deployed: Deployment, look: Look) -> None:
    look(None)
    assert found_of(deployed).differences[0]["live"] == "gone"


def test_old_news_is_never_shown_as_in_sync(deployed: Deployment, look: Look) -> None:
    look(live())
    ConfigCheck.objects.update(checked_at="2020-01-01T00:00:00Z")
    assert found_of(deployed).state().tone == "unknown"


def test_nothing_is_compared_while_a_run_is_at_work(deployed: Deployment, look: Look) -> None:
    make_run(deployed, RunStatus.APPLY)
    look(live(entity={"workload_size": "Medium"}))
    assert not ConfigCheck.objects.exists()


def test_nothing_is_written_when_a_run_begins_meanwhile(deployed: Deployment, look: Look) -> None:
    def answer() -> Any:
        make_run(deployed, RunStatus.PLAN)
        return live(entity={"workload_size": "Medium"})

    look(answer)
    assert not ConfigCheck.objects.exists()


def test_a_deployment_without_a_good_run_is_not_compared(deployment: Deployment, look: Look) -> None:
    Deployment.objects.update(intended={})
    look(live())
    assert not ConfigCheck.objects.exists()


def test_what_is_live_is_encrypted_at_rest(deployed: Deployment, look: Look) -> None:
    look(live(entity={"environment_vars": {"X": "canary-of-a-hand"}}))
    found = found_of(deployed)
    assert b"canary-of-a-hand" not in bytes(found.live)
    assert checking.live_variables(found)["served_entities"][0]["environment_vars"] == {"X": "canary-of-a-hand"}
    assert "canary-of-a-hand" not in str(found.differences)


def test_beat_looks_at_every_live_endpoint_with_an_intention_spread_over_time(
    deployed: Deployment, model_version: Any, deployer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    others = [make_deployment(model_version, deployer, f"e{n}", intended=INTENDED) for n in range(4)]
    make_deployment(model_version, deployer, "new")
    make_deployment(model_version, deployer, "gone", intended=INTENDED, destroyed_at=now)
    waits: dict[int, int] = {}
    monkeypatch.setattr(
        tasks.check_config, "apply_async", lambda args, countdown, expires: waits.update({args[0]: countdown})
    )
    tasks.check_configs()
    assert set(waits) == {deployed.pk, *(row.pk for row in others)}
    assert all(0 <= wait < 60 for wait in waits.values())
    assert len(set(waits.values())) == len(waits)


# -- accept ---------------------------------------------------------------------------------------


def test_accepting_makes_what_is_live_the_wish_and_is_in_the_audit_trail(
    deployed: Deployment, look: Look, deployer: User
) -> None:
    changed = live(entity={"workload_size": "Medium"}, tags={**INTENDED["tags"], "owner": "eva"})
    look(changed)
    found = services.accept_configuration(
        deployment=deployed, actor=deployer, fingerprint=found_of(deployed).fingerprint
    )
    assert found.status == "in_sync"
    deployed.refresh_from_db()
    assert deployed.spec["compute"]["workload_size"] == "Medium"
    assert deployed.spec["tags"] == {"cost_center": "12", "owner": "eva"}
    assert deployed.intended["served_entities"][0]["workload_size"] == "Medium"
    entries = LogEntry.objects.get_for_object(deployed).filter(actor=deployer)
    assert {"Workload size": ["Small", "Medium"], "Tag owner": ["not set", "eva"]} in [e.changes for e in entries]
    look(changed)
    assert found_of(deployed).status == "in_sync"


def test_what_changed_again_since_the_person_looked_is_not_accepted(
    deployed: Deployment, look: Look, deployer: User
) -> None:
    look(live(entity={"workload_size": "Medium"}))
    seen = found_of(deployed).fingerprint
    look(live(entity={"workload_size": "Large"}))
    with pytest.raises(Refused) as refused:
        services.accept_configuration(deployment=deployed, actor=deployer, fingerprint=seen)
    assert refused.value.code == "changed_again"
    deployed.refresh_from_db()
    assert deployed.intended == INTENDED


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (None, "gone"),
        (live(entity={"environment_vars": {"DB_PASSWORD": "canary"}}), "cannot_accept"),
        (live(config={"served_entities": []}), "cannot_accept"),
        (live(entity={"entity_name": "staging.fraud.other"}), "other_model"),
    ],
)
def test_what_no_spec_can_say_is_not_accepted(
    deployed: Deployment, look: Look, deployer: User, answer: Any, code: str
) -> None:
    look(answer)
    with pytest.raises(Refused) as refused:
        services.accept_configuration(deployment=deployed, actor=deployer)
    assert refused.value.code == code
    assert "canary" not in refused.value.message


def test_nothing_is_accepted_or_reverted_where_nothing_differs_or_a_run_waits(
    deployed: Deployment, look: Look, deployer: User
) -> None:
    look(live())
    for act in (services.accept_configuration, services.revert_configuration):
        with pytest.raises(Refused) as refused:
            act(deployment=deployed, actor=deployer)
        assert refused.value.code == "not_drifted"
    look(live(entity={"workload_size": "Medium"}))
    make_run(deployed, RunStatus.QUEUED)
    for act in (services.accept_configuration, services.revert_configuration):
        with pytest.raises(Refused) as refused:
            act(deployment=deployed, actor=deployer)
        assert refused.value.code == "at_work"


def test_accepting_and_reverting_take_the_role_deployer(
    deployed: Deployment, look: Look, viewer: User, approver: User
) -> None:
    look(live(entity={"workload_size": "Medium"}))
    for actor in (viewer, approver):
        for act in (services.accept_configuration, services.revert_configuration):
            with pytest.raises(PermissionDenied):
                act(deployment=deployed, actor=actor)
    assert not Run.objects.exists()


# -- revert ---------------------------------------------------------------------------------------


def test_reverting_starts_a_run_with_the_last_good_spec(deployed: Deployment, look: Look, deployer: User) -> None:
    Deployment.objects.update(spec={**deployed.spec, "compute": {"workload_size": "Large"}})
    deployed.refresh_from_db()
    look(live(entity={"workload_size": "Medium"}))
    run = services.revert_configuration(deployment=deployed, actor=deployer)
    assert (run.kind, run.status, run.requested_by) == (RunKind.DEPLOY, RunStatus.QUEUED, deployer)
    assert run.spec["compute"]["workload_size"] == "Small"
    assert run.spec["tags"] == {"cost_center": "12"}


def test_after_an_accept_reverting_goes_back_to_what_was_accepted(
    deployed: Deployment, look: Look, deployer: User
) -> None:
    look(live(entity={"workload_size": "Medium"}))
    services.accept_configuration(deployment=deployed, actor=deployer)
    look(live(entity={"workload_size": "Large"}))
    run = services.revert_configuration(deployment=deployed, actor=deployer)
    assert run.spec["compute"]["workload_size"] == "Medium"
