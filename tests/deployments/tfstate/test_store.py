"""The state store as Terraform meets it: over HTTP, with the password of a run."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.db import connection
from django.test import Client
from django.utils import timezone

from deployments.models import BackendCredential, Deployment, StateLock, StateVersion
from deployments.runs.statuses import RunStatus
from deployments.tfstate import store as statestore
from tests.deployments.conftest import make_deployment, make_run
from tests.deployments.tfstate.backend import LOCK, Backend, basic, md5

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

CANARY = "canary-4cf1d0"


def state(serial=1, lineage="one", **more):
    return {"version": 4, "serial": serial, "lineage": lineage, "resources": [], **more}


@pytest.fixture
def run(run_in):
    return run_in(RunStatus.APPLY)


@pytest.fixture
def backend(run):
    return Backend(run)


@pytest.fixture
def locked(backend):
    assert backend.lock().status_code == 200
    return backend


def test_there_is_no_state_before_the_first_write(backend):
    answer = backend.read()
    assert (answer.status_code, answer.content) == (204, b"")


def test_what_was_written_is_read_and_every_version_is_kept(locked, run):
    for serial in (1, 2):
        assert locked.write(state(serial)).status_code == 200
    assert locked.read().json() == state(2)
    assert locked.read().headers["Cache-Control"] == "no-store"
    assert list(StateVersion.objects.values_list("serial", "run", "fencing")) == [(2, run.pk, 1), (1, run.pk, 1)]
    assert statestore.current_serial(run.deployment_id) == 2
    newest = StateVersion.objects.all()[0]
    assert newest.sha256 == hashlib.sha256(json.dumps(state(2)).encode()).hexdigest()
    assert locked.unlock().status_code == 200
    assert not StateLock.objects.exists()


def test_a_lock_that_is_held_names_its_holder(locked):
    answer = locked.lock({**LOCK, "ID": "another"})
    assert (answer.status_code, answer.json()) == (423, LOCK)


def test_nothing_is_written_without_the_lock(backend):
    assert backend.write(state()).status_code == 409
    backend.lock()
    assert backend.write(state(), lock_id="another").status_code == 409
    assert backend.write(state(), lock_id="").status_code == 409
    assert backend.write(state(), lock_id="%00").status_code == 409
    assert not StateVersion.objects.exists()


def test_only_the_holder_unlocks(locked):
    assert locked.unlock({**LOCK, "ID": "another"}).status_code == 409
    assert StateLock.objects.exists()
    assert locked.unlock({}).status_code == 200, "force-unlock sends no ID"
    assert locked.unlock().status_code == 409


def test_a_run_that_was_given_up_for_dead_can_do_nothing_any_more(locked, run):
    after = Backend(run)
    assert locked.write(state()).status_code == 409
    assert locked.unlock().status_code == 409
    assert locked.lock().status_code == 409
    assert not StateVersion.objects.exists()
    assert after.lock().status_code == 200, "its lock protects nothing any more"
    assert statestore.release_after_death(run)
    assert not statestore.release_after_death(run)
    assert after.lock().status_code == 409, "every credential from before is stale"
    assert Backend(run).lock().status_code == 200


def test_a_new_credential_takes_the_next_fencing_number(run):
    numbers = [statestore.issue_credential(run).fencing for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert Deployment.objects.get().fencing == 3


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ???",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"a\x00b:c").decode(),
        "Bearer slw_x",
        basic("run-1-1", "wrong")["Authorization"],
    ],
)
def test_nobody_without_a_password_gets_in(run, authorization):
    statestore.issue_credential(run)
    for method in ("get", "post"):
        answer = getattr(Client(), method)(
            f"/terraform/state/{run.deployment_id}", headers={"Authorization": authorization}
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_the_right_password_with_another_scheme_is_refused(backend):
    bearer = backend.headers["Authorization"].replace("Basic", "Bearer")
    assert Client().get(backend.url, headers={"Authorization": bearer}).status_code == 401


def test_a_password_expires(backend):
    BackendCredential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert backend.read().status_code == 401


def test_a_password_opens_one_deployment(backend, model_version, deployer):
    other = make_run(make_deployment(model_version, deployer, "other"))
    answer = Client().get(f"/terraform/state/{other.deployment_id}", headers=backend.headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("pk", ["0", "4711", "9223372036854775808", "9" * 40])
def test_a_deployment_that_does_not_exist_has_no_state(backend, pk):
    assert Client().get(f"/terraform/state/{pk}", headers=backend.headers).status_code == 401


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(backend, method):
    assert getattr(backend.client, method)(backend.url, headers=backend.headers).status_code == 405


def test_a_damaged_body_is_refused(locked):
    assert locked.write(state(), **{"Content-MD5": md5(b"another body")}).status_code == 400
    assert not StateVersion.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"serial": 1}',
        b'{"serial": "x", "lineage": "a"}',
        b'{"serial": null, "lineage": "a"}',
        b'{"serial": -1, "lineage": "a"}',
        b'{"serial": 1e300, "lineage": "a"}',
        b'{"serial": 99999999999999999999, "lineage": "a"}',
        b'{"serial": NaN, "lineage": "a"}',
        b'{"serial": 1, "lineage": "a\\u0000"}',
        b'{"serial": 1, "lineage": "' + b"x" * 65 + b'"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_state_is_refused(locked, body):
    assert locked.write(body).status_code == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"ID": "' + b"x" * 65 + b'"}', b'{"ID": "a\\u0000"}', b'{"ID": NaN}'])
def test_what_is_no_lock_info_is_refused(backend, body):
    for method in ("post", "delete"):
        request = getattr(backend.client, method)
        answer = request(f"{backend.url}/lock", body, content_type="application/json", headers=backend.headers)
        assert answer.status_code == 400


def test_a_serial_never_goes_back(locked):
    locked.write(state(7))
    assert locked.write(state(6)).status_code == 409
    assert locked.write(state(7)).status_code == 200, "Terraform may write the same state again"
    assert locked.write(state(1, lineage="two")).status_code == 200


def test_no_plain_text_is_in_the_database(locked, run):
    statestore.release_after_death(run)
    password = statestore.issue_credential(run)
    fresh = Backend(run, password)
    fresh.lock()
    assert fresh.write(state(outputs={"secret": {"value": CANARY}})).status_code == 200
    assert CANARY in fresh.read().content.decode()
    assert CANARY not in everything_in_the_database()
    assert password.value not in everything_in_the_database()
    assert password.value not in repr(password)


def everything_in_the_database():
    """All rows of all tables as text; binary columns as their bytes."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            found += [str(bytes(cell) if isinstance(cell, memoryview) else cell) for row in cursor for cell in row]
    return "\n".join(found)


def test_keys_rotate(locked, settings):
    locked.write(state(1))
    old, new = settings.STATE_KEYS, Fernet.generate_key().decode()
    settings.STATE_KEYS = [new, *old]
    assert locked.read().json() == state(1), "an old key still decrypts"
    locked.write(state(2))
    settings.STATE_KEYS = [new]
    assert locked.read().json() == state(2), "the first key encrypts"
    StateVersion.objects.filter(serial=2).delete()
    with pytest.raises(InvalidToken):
        statestore.read(BackendCredential.objects.get().deployment_id)


def test_the_addresses_of_what_the_state_manages(locked, run):
    assert statestore.resource_addresses(run.deployment_id) == []
    resources = [
        {"mode": "managed", "module": "module.endpoint", "type": "a", "name": "this", "instances": [{}]},
        {"mode": "managed", "type": "b", "name": "gone", "instances": []},
        {"mode": "data", "type": "c", "name": "read", "instances": [{}]},
        {"mode": "managed", "type": "d", "name": "root", "instances": [{}]},
    ]
    locked.write(state(resources=resources))
    assert statestore.resource_addresses(run.deployment_id) == ["module.endpoint.a.this", "d.root"]
