"""The Sail server as a child process: started when needed, started again when it died, ended with the sandbox."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from sandbox.spark.server import SailServer, SparkUnavailableError
from tests.processes import is_running
from tests.sandbox.running import RunningSandbox
from tests.sandbox.spark.sail_processes import sail_of
from tests.waiting import wait_until

ENDLESS = "SELECT count(*) FROM range(100000000000000) WHERE id % 7 = 3"


@pytest.fixture
def server(tmp_path):
    server = SailServer(tmp_path / "spark")
    yield server
    server.stop()


def memory_bytes(pid):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_nothing_runs_before_it_is_needed_and_then_it_is_quick_and_small(server):
    assert server.pid is None
    started = time.monotonic()
    port, start = server.running()
    assert time.monotonic() - started < 10
    assert start == 1
    assert memory_bytes(server.pid) < 200 * 2**20
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    assert server.running() == (port, 1)


def test_it_answers_on_the_loopback_address_only(server):
    port, _ = server.running()
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = [line.split()[1] for line in listening if line.split()[1].endswith(f":{port:04X}")]
    assert {address.split(":")[0] for address in addresses} == {"0100007F"}


def test_one_that_died_is_started_again_at_the_next_need(server):
    server.running()
    first = server.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: server.running()[1] == 2, 10)
    assert server.pid != first
    assert is_running(server.pid)


def test_it_is_stopped_for_good(server):
    server.running()
    pid = server.pid
    server.stop()
    assert not is_running(pid)
    with pytest.raises(SparkUnavailableError):
        server.running()


def test_it_gets_nothing_of_the_sandbox_that_is_secret(server, monkeypatch):
    monkeypatch.setenv("SANDBOX_CLIENT_SECRET", "hush")
    server.running()
    assert b"hush" not in Path(f"/proc/{server.pid}/environ").read_bytes()


@pytest.fixture
def own_sandbox(tmp_path):
    running = RunningSandbox(tmp_path)
    yield running
    if running.process.poll() is None:
        running.stop()


def endless_statement(api):
    """The id of a statement that is running."""
    statement_id = api.execute_statement(ENDLESS, "5ab5dda58c1ea16b", wait_timeout="0s").statement_id
    wait_until(lambda: api.get_statement(statement_id).status.state.value == "RUNNING", 30)
    return statement_id


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_sandbox_even_in_the_middle_of_a_statement(own_sandbox, sign):
    endless_statement(own_sandbox.client().statement_execution)
    (pid,) = sail_of(own_sandbox)
    started = time.monotonic()
    own_sandbox.stop(sign)
    assert time.monotonic() - started < 30
    wait_until(lambda: not is_running(pid), 10)


@pytest.mark.long
def test_a_statement_whose_server_died_may_be_tried_again(own_sandbox):
    api = own_sandbox.client().statement_execution
    statement_id = endless_statement(api)
    (pid,) = sail_of(own_sandbox)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: api.get_statement(statement_id).status.state.value == "FAILED", 60)
    assert api.get_statement(statement_id).status.error.error_code.value == "TEMPORARILY_UNAVAILABLE"
    again = api.execute_statement("SELECT 1", "5ab5dda58c1ea16b", wait_timeout="30s")
    assert again.result.data_array == [["1"]]
