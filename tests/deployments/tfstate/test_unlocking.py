"""Freeing the lock of a state by force: who, when, and what is written down."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from deployments.models import BackendCredential, Run, StateLock
from deployments.runs.statuses import RunStatus
from deployments.tfstate import services
from deployments.tfstate import store as statestore
from deployments.tfstate.store import StateRefused
from tests.deployments.conftest import make_run
from tests.deployments.page_text import page_of
from tests.deployments.tfstate.backend import LOCK, Backend
from web.errors import Refused

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
REASON = "its worker burnt down on Tuesday"
TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"


def url(name, deployment):
    return reverse(f"deployments:{name}", args=[deployment.pk])


def api(deployment, rest="release/"):
    return f"/api/v1/deployments/{deployment.pk}/lock/{rest}"


@pytest.fixture
def backend(deployment):
    """A Terraform of a run that failed, holding the lock."""
    backend = Backend(make_run(deployment, RunStatus.FAILED))
    assert backend.lock().status_code == 200
    return backend


def hold(deployment, seconds=60):
    """A run of the deployment that a worker holds for so long."""
    expires = timezone.now() + timedelta(seconds=seconds)
    return make_run(deployment, RunStatus.PLAN, lease_token=TOKEN, lease_expires_at=expires)


def test_the_lock_is_freed_and_a_terraform_that_is_still_there_writes_no_more(deployment, backend, admin):
    services.force_unlock(deployment=deployment, actor=admin, reason=REASON, lock_id=LOCK["ID"])
    assert not StateLock.objects.exists()
    assert backend.write({"version": 4, "serial": 1, "lineage": "l", "resources": []}).status_code == 409
    assert Backend(make_run(deployment, RunStatus.PLAN)).lock().status_code == 200


def test_it_is_in_the_audit_trail_and_in_the_log_of_the_run(deployment, backend, admin):
    run = StateLock.objects.get().run
    services.force_unlock(deployment=deployment, actor=admin, reason=REASON)
    entry = LogEntry.objects.get_for_object(deployment).filter(actor=admin).get()
    assert entry.changes == {"state_lock": [f"held by run {run.pk}", f"freed by force: {REASON}"]}
    assert REASON in run.events.get().message


def test_a_lock_of_a_run_at_work_is_not_freed(deployment, backend, admin):
    run = hold(deployment)
    with pytest.raises(Refused, match=f"Run #{run.pk} is at work"):
        services.force_unlock(deployment=deployment, actor=admin, reason=REASON)
    assert StateLock.objects.exists()


def test_a_lease_that_ran_out_protects_nothing(deployment, backend, admin):
    hold(deployment, seconds=-1)
    services.force_unlock(deployment=deployment, actor=admin, reason=REASON)
    assert not StateLock.objects.exists()


@pytest.mark.parametrize(
    ("values", "code"),
    [({"reason": " too short "}, "reason_required"), ({"lock_id": "another"}, "other_lock")],
)
def test_it_takes_a_reason_and_the_lock_that_was_seen(deployment, backend, admin, values, code):
    with pytest.raises(Refused) as refused:
        services.force_unlock(deployment=deployment, actor=admin, **{"reason": REASON, **values})
    assert refused.value.code == code
    assert StateLock.objects.exists()


def test_what_is_not_locked_is_not_freed(deployment, admin):
    with pytest.raises(Refused) as refused:
        services.force_unlock(deployment=deployment, actor=admin, reason=REASON)
    assert refused.value.code == "not_locked"


def test_it_is_for_platform_admins(client, deployment, backend, owner, stranger, api_as):
    with pytest.raises(PermissionDenied):
        services.force_unlock(deployment=deployment, actor=owner, reason=REASON)
    for user, status in ((owner, 403), (stranger, 404)):
        client.force_login(user)
        assert client.post(url("force_unlock", deployment), {"reason": REASON}).status_code == status
        assert api_as(user).post(api(deployment), {"reason": REASON}).status_code == status
    assert StateLock.objects.exists()


def test_the_page_offers_it_only_where_the_lock_was_left(client, deployment, backend, admin, owner):
    client.force_login(owner)
    page = page_of(client, url("deployment", deployment))
    assert "Stale lock on the Terraform state" in page
    assert url("force_unlock", deployment) not in page
    client.force_login(admin)
    assert url("force_unlock", deployment) in page_of(client, url("deployment", deployment))
    held = hold(deployment)
    assert "Stale lock on the Terraform state" not in page_of(client, url("deployment", deployment))
    assert client.get(url("force_unlock", deployment)).status_code == 302
    Run.objects.filter(pk=held.pk).update(lease_token=None)
    StateLock.objects.all().delete()
    assert "Stale lock on the Terraform state" not in page_of(client, url("deployment", deployment))


def test_the_page_asks_for_a_reason_and_frees_the_lock_it_showed(client, deployment, backend, admin):
    client.force_login(admin)
    page = page_of(client, url("force_unlock", deployment))
    assert f'name="lock_id" value="{LOCK["ID"]}"' in page
    answer = client.post(url("force_unlock", deployment), {"reason": "no", "lock_id": LOCK["ID"]})
    assert answer.status_code == 422
    assert "at least 10 characters" in answer.content.decode()
    answer = client.post(url("force_unlock", deployment), {"reason": REASON, "lock_id": LOCK["ID"]})
    assert answer.headers["Location"] == url("deployment", deployment)
    assert not StateLock.objects.exists()


def test_the_api_names_the_holder_and_frees_the_lock(deployment, backend, admin, viewer, api_as):
    body = api_as(viewer).get(api(deployment, "")).json()
    lock = StateLock.objects.get()
    assert (body["is_locked"], body["is_left"], body["run"]) == (True, True, lock.run_id)
    assert (body["lock_id"], body["operation"]) == (LOCK["ID"], LOCK["Operation"])
    client = api_as(admin)
    assert client.post(api(deployment), {"reason": "short"}).status_code == 400
    assert client.post(api(deployment), {"reason": REASON, "lock_id": "x"}).json()["code"] == "other_lock"
    answer = client.post(api(deployment), {"reason": REASON})
    assert (answer.status_code, answer.json()["is_locked"]) == (200, False)
    assert client.post(api(deployment), {"reason": REASON}).json()["code"] == "not_locked"


def test_a_lock_that_was_freed_by_force_cannot_be_freed_again_by_its_old_holder(deployment, admin):
    password = statestore.issue_credential(make_run(deployment, RunStatus.FAILED))
    credential = BackendCredential.objects.get(username=password.username)
    statestore.lock(credential, LOCK)
    services.force_unlock(deployment=deployment, actor=admin, reason=REASON)
    with pytest.raises(StateRefused):
        statestore.unlock(credential, LOCK)
