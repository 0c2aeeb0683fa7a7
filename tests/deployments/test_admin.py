"""The admin pages of deployments are for looking, and neither they nor the audit trail hold a secret."""

import pytest
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib import admin as site
from django.urls import reverse

from deployments import models
from deployments.deployment.specs import parse_spec
from deployments.policies import approvals
from deployments.runs import services
from deployments.runs.statuses import RunStatus
from deployments.stages import stopping
from web import errors

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SHOWN = (models.Deployment, models.Run, models.StateLock, models.TestRequest)


@pytest.mark.parametrize("model", SHOWN)
def test_the_platform_team_looks_and_changes_nothing(model, run_in, admin, client):
    run = run_in(RunStatus.APPLY)
    models.StateLock.objects.create(deployment=run.deployment, run=run, fencing=1, lock_id="x")
    models.TestRequest.objects.create(deployment=run.deployment, requested_by=admin, body={})
    client.force_login(admin)
    pages = f"admin:deployments_{model._meta.model_name}"
    row = model.objects.get()
    assert client.get(reverse(f"{pages}_changelist")).status_code == 200
    shown = client.get(reverse(f"{pages}_change", args=[row.pk]))
    assert shown.status_code == 200
    assert "planfile" not in shown.content.decode()
    assert client.get(reverse(f"{pages}_add")).status_code == 403
    assert client.post(reverse(f"{pages}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    client.post(reverse(f"{pages}_change", args=[row.pk]), {"status": "failed"})
    assert model.objects.filter(pk=row.pk).exists()


def test_states_plans_and_credentials_have_no_admin_page():
    for model in (models.StateVersion, models.RunPlan, models.BackendCredential):
        assert not site.site.is_registered(model)


def test_the_audit_trail_knows_wishes_runs_and_decisions_and_no_secret():
    assert all(auditlog.contains(model) for model in (models.Deployment, models.Run, models.Approval))
    for model in (models.Event, models.RunPlan, models.StateVersion, models.BackendCredential, models.StageRecord):
        assert not auditlog.contains(model)


def test_a_decision_is_in_the_trail_with_its_reason(run_in, approver):
    approvals.reject(run=run_in(RunStatus.APPROVAL), actor=approver, reason="too big")
    (entry,) = LogEntry.objects.get_for_model(models.Approval)
    assert entry.changes["reason"] == ["None", "too big"]


def test_a_resumed_run_is_in_the_trail_with_who_did_it(run_in, owner):
    run = stopping.resume(run=run_in(RunStatus.FAILED), actor=owner)
    entry = LogEntry.objects.get_for_object(run).filter(action=LogEntry.Action.UPDATE).get()
    assert (entry.actor, entry.changes) == (owner, {"status": ["failed", "queued"]})


def test_a_refused_resume_is_not_in_the_trail(run_in, owner):
    run = run_in(RunStatus.SUCCEEDED)
    with pytest.raises(errors.Refused):
        stopping.resume(run=run, actor=owner)
    assert not LogEntry.objects.get_for_object(run).filter(action=LogEntry.Action.UPDATE).exists()


def test_a_changed_wish_is_in_the_trail(deployment, spec, deployer):
    services.request_update(deployment=deployment, spec=parse_spec({**spec, "tags": {"a": "b"}}), actor=deployer)
    entry = LogEntry.objects.get_for_object(deployment).filter(action=LogEntry.Action.UPDATE).get()
    assert set(entry.changes) == {"spec"}
