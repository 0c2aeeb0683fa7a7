"""The whole product: what a person with a terminal can do to it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.stack import OURS, ROOT, Stack, free_port
from tests.waiting import wait_until

PARTS = ("redis", "sandbox", "web", "worker-runs", "worker", "beat")
pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("product")]


def processes_of(var_dir: Path) -> list[str]:
    """Command lines of all living processes whose environment says that they belong to ``var_dir``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().split(b"\0")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if command and f"VAR_DIR={var_dir}".encode() in environment:
            found.append(command)
    return found


def test_every_part_runs_and_people_of_every_role_can_log_in(stack: Stack) -> None:
    assert all(stack.pid(part) for part in PARTS)
    roles = {user["role"] for user in stack.record["users"]}
    assert roles == {"viewer", "deployer", "approver", "team_admin", "platform_admin"}
    for user in stack.record["users"]:
        answer = stack.api(user["token"]).get("me/")
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.json()["username"] == user["username"]


def test_the_file_with_the_logins_is_private(stack: Stack) -> None:
    assert stat.S_IMODE((stack.var_dir / "demo.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(stack.var_dir.stat().st_mode) == 0o700


def test_no_secret_is_in_a_command_line_or_a_log(stack: Stack) -> None:
    secrets = [path.read_text() for path in (stack.var_dir / "secrets").iterdir()]
    secrets += [user[key] for user in stack.record["users"] for key in ("password", "token")]
    text = "\n".join([*processes_of(stack.var_dir), *(stack.log(part) for part in PARTS)])
    text += (stack.var_dir / "supervisor" / "supervisord.conf").read_text()
    client_id = (stack.var_dir / "secrets" / "sandbox_client_id").read_text()
    assert [secret for secret in secrets if secret in text and secret != client_id] == []


def test_a_killed_worker_is_back_within_seconds_while_the_rest_goes_on(stack: Stack) -> None:
    web = stack.pid("web")
    old = stack.kill("worker-runs")
    assert stack.wait_restarted("worker-runs", old)
    assert stack.pid("web") == web


def test_a_second_start_with_the_same_var_dir_says_so(stack: Stack) -> None:
    answer = demo({"VAR_DIR": str(stack.var_dir), "PORT": str(free_port()), "SANDBOX_PORT": str(free_port())})
    assert answer.returncode == 1
    assert "is already running with" in answer.stderr


def test_a_taken_port_is_reported_before_anything_starts(stack: Stack, tmp_path: Path) -> None:
    answer = demo({"VAR_DIR": str(tmp_path), "PORT": str(stack.port), "SANDBOX_PORT": str(free_port())})
    assert answer.returncode == 1
    assert f"PORT={stack.port + 1}" in answer.stderr
    assert not (tmp_path / "supervisor").exists()


def demo(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "demo", "--bare"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OURS} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.long
def test_nothing_is_left_after_a_stop_nor_after_a_kill_and_state_survives(tmp_path: Path) -> None:
    with Stack(tmp_path / "a var with blanks") as own:
        before = own.record
        assert processes_of(own.var_dir)
        assert own.stop() == 0
        wait_until(lambda: not processes_of(own.var_dir), 5)
        own.start()
        assert own.record["users"] == before["users"]
        assert own.api(own.user("fiona")["token"]).get("me/").status_code == httpx.codes.OK
        os.kill(own.main_pid, signal.SIGKILL)
        wait_until(lambda: not processes_of(own.var_dir), 30)
