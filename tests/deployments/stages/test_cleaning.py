"""Cleaning up after a run: what is offered, what is refused, what the dialog says."""

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from deployments.models import Run, StageRecord
from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages import cleaning
from tests.deployments.conftest import make_run
from tests.deployments.page_text import page_of, run_url
from web.errors import Refused

pytestmark = pytest.mark.django_db
LEFT = ["module.endpoint.databricks_model_serving.this", "serving endpoint card-fraud"]


def failed(deployment, status=RunStatus.FAILED, created=LEFT, **values):
    """A run that ended in ``status`` and left ``created``."""
    run = make_run(deployment, status, **values)
    now = timezone.now()
    StageRecord.objects.create(
        run=run, stage=RunStatus.APPLY, status="failed", started_at=now, finished_at=now, created=list(created)
    )
    return run


def refused(run, actor):
    with pytest.raises(Refused) as caught:
        cleaning.clean_up(run=run, actor=actor)
    return caught.value.code


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.CANCELLED])
def test_after_a_first_run_that_failed_everything_goes(deployment, deployer, status):
    run = failed(deployment, status)
    started = cleaning.clean_up(run=run, actor=deployer)
    assert (started.kind, started.cleans_up, started.status) == (RunKind.DESTROY, run, RunStatus.QUEUED)
    assert f"clean up after run #{run.pk}" in started.events.get().message
    entry = LogEntry.objects.get_for_object(run).filter(actor=deployer).get()
    assert entry.changes == {"cleaned_up_by": ["None", f"run {started.pk}"]}


def test_after_a_failed_update_the_last_good_spec_is_put_back(deployment, deployer):
    good = {**deployment.spec, "tags": {"good": "1"}}
    deployment.intended, deployment.intended_spec = {"endpoint_name": "card-fraud"}, good
    deployment.save()
    run = failed(deployment, created=["version 4 of staging.fraud.card_fraud on card-fraud"])
    started = cleaning.clean_up(run=run, actor=deployer)
    assert (started.kind, started.spec, started.cleans_up) == (RunKind.DEPLOY, good, run)
    deployment.refresh_from_db()
    assert deployment.spec == good


def test_what_is_not_the_newest_run_is_not_cleaned_up(deployment, deployer):
    run = failed(deployment)
    started = cleaning.clean_up(run=run, actor=deployer)
    assert refused(run, deployer) == "superseded"
    assert Run.objects.filter(cleans_up=run).get() == started


@pytest.mark.parametrize(
    ("status", "values", "code"),
    [
        (RunStatus.APPLY, {}, "not_finished"),
        (RunStatus.SUCCEEDED, {}, "nothing_left"),
        (RunStatus.FAILED, {"created": []}, "nothing_left"),
        (RunStatus.FAILED, {"kind": RunKind.ADOPT}, "nothing_left"),
        (RunStatus.FAILED, {"kind": RunKind.DESTROY}, "resume_instead"),
    ],
)
def test_where_nothing_is_to_be_removed_it_is_refused(client, deployment, deployer, status, values, code):
    run = failed(deployment, status, **values)
    assert refused(run, deployer) == code
    client.force_login(deployer)
    assert run_url("run_cleanup", run) not in page_of(client, run_url("run", run))
    assert Run.objects.count() == 1


def test_a_destroyed_deployment_is_not_cleaned_up(deployment, deployer):
    run = failed(deployment)
    deployment.destroyed_at = timezone.now()
    deployment.save()
    assert refused(run, deployer) == "destroyed"


def test_cleaning_up_takes_the_role_deployer(client, deployment, viewer, approver, stranger, api_as):
    run = failed(deployment)
    for user in (viewer, approver):
        with pytest.raises(PermissionDenied):
            cleaning.clean_up(run=run, actor=user)
        assert api_as(user).post(f"/api/v1/runs/{run.pk}/cleanup/").status_code == 403
        client.force_login(user)
        assert client.post(run_url("run_cleanup", run)).status_code == 403
        assert run_url("run_cleanup", run) not in page_of(client, run_url("run", run))
    assert api_as(stranger).post(f"/api/v1/runs/{run.pk}/cleanup/").status_code == 404
    assert Run.objects.count() == 1


def test_the_dialog_lists_exactly_what_goes_and_leads_to_the_run(client, deployment, deployer):
    run = failed(deployment)
    client.force_login(deployer)
    for address in (run_url("run", run), run_url("run_cleanup", run)):
        page = page_of(client, address)
        assert f"Clean up after run #{run.pk}?" in page
        for name in LEFT:
            assert f'<li class="sw-mono">{name}</li>' in page
    answer = client.post(run_url("run_cleanup", run))
    started = Run.objects.get(cleans_up=run)
    assert answer.headers["Location"] == run_url("run", started)
    page = page_of(client, run_url("run", started))
    assert "cleans up after" in page
    assert f"run #{run.pk}</a>" in page
    again = client.post(run_url("run_cleanup", run), follow=True)
    assert "came after this one" in again.content.decode()


def test_the_api_starts_it_and_says_after_which_run(deployment, deployer, api_as):
    run = failed(deployment)
    answer = api_as(deployer).post(f"/api/v1/runs/{run.pk}/cleanup/")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["kind"], answer.json()["cleans_up"]) == ("destroy", run.pk)
    again = api_as(deployer).post(f"/api/v1/runs/{run.pk}/cleanup/")
    assert (again.status_code, again.json()["code"]) == (409, "superseded")
    assert reverse("run-cleanup", args=[run.pk]) == f"/api/v1/runs/{run.pk}/cleanup/"
