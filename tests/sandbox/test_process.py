from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests import http
from tests.processes import children_of, is_running
from tests.sandbox.running import ROOT, RunningSandbox
from tests.waiting import wait_until


@pytest.fixture
def own(tmp_path):
    """A sandbox that the test may stop and kill."""
    running = RunningSandbox(tmp_path)
    yield running
    running.process.kill()
    running.process.wait(timeout=30)


@pytest.mark.parametrize(
    "sign",
    [
        pytest.param(signal.SIGTERM, marks=pytest.mark.long),
        pytest.param(signal.SIGINT, marks=pytest.mark.long),
        signal.SIGKILL,
    ],
)
def test_no_child_outlives_the_sandbox(own, sign):
    started = children_of(own.process.pid)
    assert started
    own.stop(sign)
    wait_until(lambda: not any(is_running(pid) for pid in started), 30)


@pytest.mark.long
def test_the_mlflow_server_is_started_again_when_it_dies(own):
    before = set(children_of(own.process.pid))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(children_of(own.process.pid)) - before, 30)
    wait_until(own.is_healthy, 120)


@pytest.mark.long
def test_everything_survives_a_restart(own):
    client = own.client()
    client.catalogs.create(name="lasting")
    client.schemas.create(name="s", catalog_name="lasting")
    model = client.registered_models.create(catalog_name="lasting", schema_name="s", name="m", comment="kept")
    client.secrets.create_scope("lasting")
    client.secrets.put_secret("lasting", "k", string_value="v")
    token = own.new_user("lasting@example.com", ["keepers"])
    query = {"method": "POST", "path": "/api/2.1/unity-catalog/catalogs"}
    assert http.get(f"{own.url}/_sandbox/requests", params=query).json()["total"] == 1

    own.restart(signal.SIGKILL)

    again = own.client()
    kept = again.registered_models.get(model.full_name)
    assert (kept.comment, kept.created_at, kept.storage_location) == ("kept", model.created_at, model.storage_location)
    assert [item.key for item in again.secrets.list_secrets("lasting")] == ["k"]
    assert again.secrets.get_secret("lasting", "k").value == "dg=="
    assert own.client(token).current_user.me().user_name == "lasting@example.com"
    assert http.get(f"{own.url}/_sandbox/requests", params=query).json()["total"] == 1


def test_a_bad_setting_ends_the_program_with_its_name():
    environ = {"PATH": os.environ["PATH"], "SANDBOX_PORT": "never"}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "SANDBOX_PORT" in done.stderr
