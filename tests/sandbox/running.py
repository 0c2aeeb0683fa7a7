"""`python -m sandbox` as a process of its own, for tests."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tests import http
from tests.waiting import wait_until

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

ROOT = Path(__file__).parents[2]
ADMIN_TOKEN = "dapi-admin-of-the-tests"
CLIENT_ID = "6f7a1c52-1f0b-4a5e-9d6f-0b8e5d0a2c11"
CLIENT_SECRET = "secret-of-the-service-principal"
# Read by the served processes through `sandbox`: a test must not send traces or telemetry anywhere.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningSandbox:
    """Starts on a free port; `restart` keeps port and VAR_DIR."""

    def __init__(self, var_dir: Path, environ: Mapping[str, str] = {}) -> None:
        self.var_dir = var_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_token = ADMIN_TOKEN
        self._environ = dict(environ)
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environ |= {"VAR_DIR": str(self.var_dir), "SANDBOX_PORT": str(self.port), "LOG_LEVEL": "info"}
        environ |= {"SANDBOX_TOKENS": f"{ADMIN_TOKEN}=admin@example.com:admin", **self._environ}
        environ |= {"SANDBOX_CLIENT_ID": CLIENT_ID, "SANDBOX_CLIENT_SECRET": CLIENT_SECRET}
        with (self.var_dir / "sandbox.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox"], cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(lambda: self.is_healthy() or process.poll() is not None, 90)
        assert process.poll() is None, (self.var_dir / "sandbox.log").read_text()[-3000:]
        return process

    def is_healthy(self) -> bool:
        try:
            return http.get(f"{self.url}/_sandbox/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        return self.process.wait(timeout=60)

    def restart(self, sign: signal.Signals = signal.SIGTERM) -> None:
        self.stop(sign)
        self.process = self._start()

    def new_user(self, user_name: str, groups: list[str] | None = None) -> str:
        """A token of a user who is not an admin."""
        body = {"user_name": user_name, "groups": groups or []}
        response = http.post(f"{self.url}/_sandbox/principals", json=body, timeout=10)
        response.raise_for_status()
        return str(response.json()["token"])

    def invoke(self, endpoint: str, *bodies: Any) -> list[httpx.Response]:
        """The answers of a serving endpoint to one request after the other, as the admin."""
        headers = {"Authorization": f"Bearer {self.admin_token}"}
        with http.Client(base_url=self.url, headers=headers, timeout=60) as client:
            return [client.post(f"/serving-endpoints/{endpoint}/invocations", json=body) for body in bodies]

    def add_fault(self, **fault: Any) -> None:
        http.post(f"{self.url}/_sandbox/faults", json=fault, timeout=10).raise_for_status()

    def clear_faults(self) -> None:
        http.delete(f"{self.url}/_sandbox/faults", timeout=10).raise_for_status()

    def client(self, token: str = ADMIN_TOKEN) -> WorkspaceClient:
        # Importing the SDK costs seconds: only tests that use it pay.
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.core import Config

        config = Config(
            host=self.url,
            token=token,
            auth_type="pat",
            retry_timeout_seconds=20,
            http_timeout_seconds=60,
            config_file="/dev/null",
        )
        return WorkspaceClient(config=config)
