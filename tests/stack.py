"""The whole product as real processes, for tests that need it: Redis, sandbox, web, workers, beat and supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from tests import http
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 300
STOP_TIMEOUT_S = 60
RESTART_TIMEOUT_S = 30
# The environment of the test process itself, which a stack must not see.
OURS = (
    "CACHE_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "STATE_KEYS",
    "VAR_DIR",
    "STATIC_ROOT",
    "DJANGO_SETTINGS_MODULE",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Stack:
    """``with Stack(tmp_path / "var") as stack: stack.api(stack.user("fiona")["token"]).get("runs/")``.

    With the people and environments of the demo; with ``content`` also its models and first deployment.
    ``environment`` adds variables (LEASE_S, DATABASE_URL ...). State survives ``stop`` and a new ``start``.
    """

    def __init__(self, var_dir: Path, *, content: bool = False, environment: Mapping[str, str] | None = None) -> None:
        self.var_dir = var_dir
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.output = var_dir.with_name(f"{var_dir.name}.out")
        self._arguments = ["--no-history"] if content else ["--bare"]
        self._environment = {name: value for name, value in os.environ.items() if name not in OURS}
        self._environment |= {
            "VAR_DIR": str(var_dir),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            # A test run that is killed takes its stacks with it.
            "SLIPWAY_STOP_WITH_PARENT": "1",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start everything and wait until it says that it is ready."""
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(self._is_ready, START_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> int:
        """SIGTERM to the supervisor's parent, as ``make demo`` gets it from a service manager. Its exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        text = self.output.read_text()
        assert self._process.poll() is None, f"the stack ended while it started:\n{text}"
        return "Slipway is ready" in text

    @property
    def main_pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    # -- parts -----------------------------------------------------------------------------------

    def pid(self, part: str) -> int:
        """The process of "redis", "sandbox", "web", "worker-runs", "worker" or "beat"; 0 while it is not running."""
        transport = SupervisorTransport(None, None, f"unix://{self._control_socket()}")
        try:
            proxy: Any = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            rows = proxy.supervisor.getAllProcessInfo()
        finally:
            transport.close()
        return next(int(row["pid"]) for row in rows if row["name"] == part)

    def kill(self, part: str, number: signal.Signals = signal.SIGKILL, *, pid: int = 0) -> int:
        """Send a signal to one part; returns the pid that it had. ``pid``: asked for before, where time matters."""
        pid = pid or self.pid(part)
        os.kill(pid, number)
        return pid

    def wait_restarted(self, part: str, old_pid: int) -> int:
        """Wait until the supervisor has started ``part`` again; returns its new pid."""
        return wait_until(lambda: self.pid(part) if self.pid(part) != old_pid else 0, RESTART_TIMEOUT_S)

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a SELECT with %s for parameters, straight from the database, past web and API."""
        if address := self._environment.get("DATABASE_URL"):
            with psycopg.connect(address) as connection:
                return connection.execute(sql, parameters).fetchall()
        with closing(sqlite3.connect(self.var_dir / "slipway.sqlite3", timeout=20)) as database:
            return database.execute(sql.replace("%s", "?"), parameters).fetchall()

    def log(self, part: str) -> str:
        return (self.var_dir / "logs" / f"{part}.log").read_text()

    def _control_socket(self) -> str:
        config = (self.var_dir / "supervisor" / "supervisord.conf").read_text().splitlines()
        return next(line.partition("=")[2] for line in config if line.startswith("file="))

    # -- clients ---------------------------------------------------------------------------------

    @property
    def record(self) -> dict[str, Any]:
        """What demo.json says."""
        content: dict[str, Any] = json.loads((self.var_dir / "demo.json").read_text())
        return content

    def user(self, username: str) -> dict[str, str]:
        """{"username", "password", "role", "team", "token"}."""
        return next(user for user in self.record["users"] if user["username"] == username)

    def api(self, token: str) -> httpx.Client:
        """A client of /api/v1/ with relative paths: ``stack.api(token).get("runs/")``."""
        return http.Client(base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=30)

    def workspace(self) -> httpx.Client:
        """A client of the sandbox's Databricks API, logged in as a workspace admin."""
        headers = {"Authorization": f"Bearer {self.record['sandbox_token']}"}
        return http.Client(base_url=self.sandbox_url, headers=headers, timeout=60)
