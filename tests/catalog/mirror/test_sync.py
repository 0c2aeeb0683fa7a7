"""The mirror of the registry, against a registry over HTTP."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.mirror import reading
from catalog.mirror.claim import Claim
from catalog.mirror.reading import sync_workspace
from catalog.mirror.services import request_refresh
from catalog.mirror.tasks import sync_all_workspaces
from catalog.mirror.tasks import sync_workspace as sync_task
from catalog.models import ModelVersion, RegisteredModel, Workspace
from integrations import databricks
from tests.factories import EnvironmentFactory, WorkspaceFactory
from tests.fake_registry import MODELS, TOKEN, Answer, FakeRegistry, error, serving

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NAME = "staging.fraud.card_fraud"


@pytest.fixture
def registry(environment, monkeypatch):
    with serving(FakeRegistry()) as fake:
        Workspace.objects.update(host=fake.url)
        monkeypatch.setenv("TEST_DATABRICKS_TOKEN", TOKEN)
        yield fake


@pytest.fixture
def sync(registry, workspace):
    """One pass over the workspace, through one connection."""
    remote = databricks.WorkspaceClient(
        registry.url, databricks.Credentials(token=TOKEN), http_timeout_s=5, retry_timeout_s=1
    )
    return lambda: sync_workspace(workspace.pk, connect=lambda _: remote)


def newest(model: RegisteredModel) -> ModelVersion:
    latest = model.latest
    assert latest is not None
    return latest


def taken(workspace: Workspace) -> Claim:
    claim = Claim.take(workspace.pk)
    assert claim is not None
    return claim


def test_models_versions_aliases_tags_and_details_are_mirrored(registry, sync, team, workspace):
    registry.add_model(NAME, versions=2)
    registry.aliases[NAME] = {"champion": 1, "challenger": 2}
    registry.tags[NAME] = {"risk": "high"}
    outcome = sync()
    assert (outcome.models, outcome.versions, outcome.details, outcome.errors) == (1, 2, 2, [])
    model = RegisteredModel.objects.get()
    assert (model.full_name, model.team, model.owner) == (NAME, team, "ana@example.com")
    assert model.tags == {"risk": "high"}
    assert model.alias_versions == {"challenger": 2, "champion": 1}
    latest = newest(model)
    assert (latest.version, latest.status, latest.flavors) == (2, "READY", ["python_function", "sklearn"])
    assert latest.metrics == {"auc": 0.9}
    assert latest.signature["inputs"][0]["name"] == "amount"
    assert latest.input_example == {"dataframe_split": {"columns": ["amount"], "data": [[1.5]]}}
    workspace.refresh_from_db()
    assert workspace.synced_at is not None
    assert (workspace.sync_started_at, workspace.sync_error) == (None, "")


def test_only_catalogs_of_environments_are_mirrored(registry, sync):
    registry.add_model(NAME)
    registry.add_model("somewhere.else.model")
    sync()
    assert list(RegisteredModel.objects.values_list("full_name", flat=True)) == [NAME]


def test_a_schema_that_is_no_team_gives_a_model_of_no_team(registry, sync, admin, viewer):
    registry.add_model("staging.scratch.model")
    sync()
    assert RegisteredModel.objects.get().team is None
    assert RegisteredModel.objects.visible_to(admin).exists()
    assert not RegisteredModel.objects.visible_to(viewer).exists()


def test_details_are_read_once_and_again_when_a_version_changed(registry, sync):
    registry.add_model(NAME, versions=2)
    assert sync().details == 2
    assert sync().details == 0
    registry.versions[NAME][1]["updated_at"] += 1
    assert sync().details == 1


def test_a_version_that_is_still_registering_gets_its_details_when_it_is_ready(registry, sync):
    registry.add_model(NAME, versions=1)
    registry.versions[NAME][1]["status"] = "PENDING_REGISTRATION"
    assert sync().details == 0
    registry.versions[NAME][1]["status"] = "READY"
    assert sync().details == 1


def test_many_unchanged_models_cost_few_requests(registry, sync, monkeypatch):
    monkeypatch.setattr(reading, "RELIST_LIMIT", 10)
    for number in range(60):
        registry.add_model(f"staging.fraud.m{number:03}")
    monkeypatch.setattr(reading, "DETAILS_LIMIT", 1000)
    sync()
    registry.calls.clear()
    sync()
    assert registry.calls.total() == 2 + 4 * 10  # a listing takes two pages here


def test_the_models_read_longest_ago_come_next(registry, sync, monkeypatch):
    monkeypatch.setattr(reading, "RELIST_LIMIT", 2)
    for number in range(4):
        registry.add_model(f"staging.fraud.m{number}")
    sync()
    for number in range(4):
        registry.aliases[f"staging.fraud.m{number}"] = {"champion": 1}
    sync()
    assert sum(bool(model.alias_versions) for model in RegisteredModel.objects.all()) == 2
    sync()
    assert all(model.alias_versions for model in RegisteredModel.objects.all())


def test_a_model_that_changed_is_read_at_once(registry, sync, monkeypatch):
    monkeypatch.setattr(reading, "RELIST_LIMIT", 0)
    registry.add_model(NAME)
    sync()
    registry.add_version(NAME, 2)
    sync()
    assert newest(RegisteredModel.objects.get()).version == 1
    registry.models[NAME]["updated_at"] += 1
    sync()
    assert newest(RegisteredModel.objects.get()).version == 2


def test_a_refresh_reads_everything(registry, sync, monkeypatch, workspace):
    monkeypatch.setattr(reading, "RELIST_LIMIT", 0)
    registry.add_model(NAME)
    sync()
    registry.aliases[NAME] = {"champion": 1}
    Workspace.objects.update(refresh_requested_at=timezone.now())
    sync()
    assert RegisteredModel.objects.get().alias_versions == {"champion": 1}
    workspace.refresh_from_db()
    assert workspace.refresh_requested_at is None


def test_what_is_gone_is_marked_and_comes_back(registry, sync):
    registry.add_model(NAME, versions=2)
    sync()
    model = registry.models.pop(NAME)
    sync()
    assert RegisteredModel.objects.get().removed_at is not None
    assert not RegisteredModel.objects.present().exists()
    registry.models[NAME] = model
    del registry.versions[NAME][2]
    sync()
    assert newest(RegisteredModel.objects.present().get()).version == 1
    assert ModelVersion.objects.get(version=2).removed_at is not None


def test_a_workspace_that_does_not_answer_keeps_the_old_rows(registry, sync, workspace):
    registry.add_model(NAME)
    sync()
    workspace.refresh_from_db()
    before = workspace.synced_at
    registry.fault = lambda method, path: error(500, "INTERNAL_ERROR", "boom") if path == MODELS else None
    outcome = sync()
    assert outcome.errors
    workspace.refresh_from_db()
    assert newest(RegisteredModel.objects.present().get()).version == 1
    assert (workspace.synced_at, workspace.sync_started_at) == (before, None)
    assert "boom" in workspace.sync_error
    registry.fault = lambda method, path: None
    sync()
    workspace.refresh_from_db()
    assert workspace.sync_error == ""


def test_one_model_that_cannot_be_read_does_not_hide_the_others(registry, sync, workspace):
    registry.add_model(NAME)
    registry.add_model("staging.fraud.broken")
    broken = f"{MODELS}/staging.fraud.broken/versions"
    registry.fault = lambda method, path: error(403, "PERMISSION_DENIED") if path == broken else None
    sync()
    workspace.refresh_from_db()
    assert "staging.fraud.broken" in workspace.sync_error
    assert newest(RegisteredModel.objects.get(full_name=NAME)).version == 1


def test_a_workspace_in_trouble_is_not_asked_about_every_model(registry, sync):
    for number in range(20):
        registry.add_model(f"staging.fraud.m{number}")
    registry.fault = lambda method, path: error(500, "INTERNAL_ERROR") if path.endswith("/versions") else None
    outcome = sync()
    assert sum(count for path, count in registry.calls.items() if path.endswith("/versions")) == 3
    assert len(outcome.errors) >= 3


def test_details_that_can_never_be_read_are_not_asked_for_every_minute(registry, sync):
    registry.add_model(NAME)
    registry.fault = lambda method, path: error(400, "BAD_REQUEST") if "/fs/files" in path else None
    assert len(sync().errors) == 1
    assert sync().errors == []


def test_missing_credentials_are_told_by_the_names_of_their_variables(environment, workspace, monkeypatch):
    monkeypatch.delenv("TEST_DATABRICKS_TOKEN", raising=False)
    sync_workspace(workspace.pk)
    workspace.refresh_from_db()
    assert "TEST_DATABRICKS_CLIENT_ID" in workspace.sync_error


def test_an_unexpected_failure_frees_the_workspace_and_is_raised(environment, workspace):
    def explode(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sync_workspace(workspace.pk, connect=explode)
    workspace.refresh_from_db()
    assert workspace.sync_started_at is None
    assert workspace.sync_error


def test_text_that_no_database_takes_is_made_storable(registry, sync):
    registry.add_model(NAME)
    registry.models[NAME]["comment"] = "a\x00b"
    registry.models[NAME]["owner"] = "x" * 400
    registry.tags[NAME] = {"k\x00": "v\x00"}
    registry.versions[NAME][1]["source"] = "s" * 2000
    registry.versions[NAME][1]["status"] = "A_NEW_STATUS"
    assert sync().errors == []
    model = RegisteredModel.objects.get()
    assert (model.comment, len(model.owner), model.tags) == ("ab", 255, {"k": "v"})
    assert newest(model).status == "MODEL_VERSION_STATUS_UNKNOWN"


def test_a_second_sync_of_the_same_workspace_does_nothing(registry, sync, workspace):
    running = taken(workspace)
    assert sync() is None
    assert not registry.calls
    running.succeed()
    assert sync() is not None


def test_a_sync_whose_worker_died_is_taken_over_and_the_old_one_writes_nothing(workspace, environment):
    lost = taken(workspace)
    Workspace.objects.update(sync_started_at=timezone.now() - timedelta(minutes=11))
    started_at = Workspace.objects.get().sync_started_at
    assert started_at is not None
    lost.started_at = started_at
    holder = taken(workspace)
    assert lost.step() is False
    lost.fail("late")
    workspace.refresh_from_db()
    assert (workspace.sync_error, workspace.sync_started_at) == ("", holder.started_at)


def test_an_unknown_workspace_is_no_work(db):
    assert sync_workspace(4711) is None


def test_no_request_is_sent_inside_a_transaction(registry, sync, monkeypatch):
    registry.add_model(NAME)
    outside = len(connection.savepoint_ids)
    depths = []
    for name in ("do", "download"):
        method = getattr(databricks.WorkspaceClient, name)

        def noting(*args, method=method, **kwargs):
            depths.append(len(connection.savepoint_ids))
            return method(*args, **kwargs)

        monkeypatch.setattr(databricks.WorkspaceClient, name, noting)
    assert sync().details == 1
    assert set(depths) == {outside}


def test_saving_costs_the_same_for_one_and_for_twenty_models(registry, sync, monkeypatch):
    monkeypatch.setattr(reading, "RELIST_LIMIT", 0)
    registry.add_model(NAME)
    sync()
    with CaptureQueriesContext(connection) as one:
        sync()
    for number in range(20):
        registry.add_model(f"staging.fraud.m{number}")
    sync()
    with CaptureQueriesContext(connection) as twenty:
        sync()
    assert len(twenty) == len(one)


def test_beat_starts_one_task_for_every_workspace_with_an_environment(environment, monkeypatch):
    EnvironmentFactory.create(workspace=environment.workspace)
    WorkspaceFactory.create(name="unused")
    started: list[int] = []
    monkeypatch.setattr(sync_task, "delay", started.append)
    sync_all_workspaces()
    assert started == [environment.workspace.pk]


def test_a_refresh_asked_for_during_a_sync_starts_another_one(registry, workspace, monkeypatch, viewer):
    started: list[int] = []
    monkeypatch.setattr(sync_task, "delay", started.append)

    def ask(method, path):
        if path == MODELS and not Workspace.objects.exclude(refresh_requested_at=None).exists():
            Workspace.objects.update(refresh_requested_at=timezone.now())
        return

    registry.add_model(NAME)
    original = Claim.expect
    monkeypatch.setattr(Claim, "expect", lambda self, steps: (ask("GET", MODELS), original(self, steps))[1])
    sync_task(workspace.pk)
    assert started == [workspace.pk]


def test_a_refresh_is_asked_for_once_until_it_is_done(workspace, viewer, monkeypatch):
    started: list[int] = []
    monkeypatch.setattr(sync_task, "delay", started.append)
    assert request_refresh(user=viewer, workspace=workspace) is True
    assert request_refresh(user=viewer, workspace=workspace) is False
    assert started == [workspace.pk]
    workspace.refresh_from_db()
    assert workspace.is_syncing
    Workspace.objects.update(refresh_requested_at=timezone.now() - timedelta(minutes=3))
    assert request_refresh(user=viewer, workspace=workspace) is True


def test_with_the_broker_away_the_wish_waits_for_beat(workspace, viewer, monkeypatch):
    from kombu.exceptions import OperationalError

    def away(_):
        raise OperationalError

    monkeypatch.setattr(sync_task, "delay", away)
    assert request_refresh(user=viewer, workspace=workspace) is True
    workspace.refresh_from_db()
    assert workspace.refresh_requested_at is not None


def test_a_cut_answer_is_an_error_of_the_sync_and_not_of_the_portal(registry, sync, workspace):
    registry.fault = lambda method, path: Answer(200, b'{"registered_models": [') if path == MODELS else None
    sync()
    workspace.refresh_from_db()
    assert workspace.sync_error
