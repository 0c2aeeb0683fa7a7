"""Runs the MLflow tracking server and model registry as a child process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from pathlib import Path

import httpx

from sandbox.child import Child, free_port
from sandbox.config import LOOPBACK, SandboxSettings

logger = logging.getLogger(__name__)
WATCH_INTERVAL_S = 0.5
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH")
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}


class MlflowServer:
    """Starts the server, restarts it when it dies, and knows its URL."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.directory = settings.state_dir / "mlflow"
        self.artifacts_dir = self.directory / "artifacts"
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.client = httpx.AsyncClient(base_url=self.url, timeout=httpx.Timeout(120, connect=5), trust_env=False)
        argv = [sys.executable, "-m", "sandbox.mlflow.main", str(self.directory), str(self.port)]
        self._child = Child(argv, self._environ(), self._log_path())
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns at once. The server needs some seconds until ``is_healthy``."""
        self._child.start()
        self._tasks = [asyncio.create_task(self._restart_when_dead())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(self._child.stop)
        await self.client.aclose()

    async def is_healthy(self) -> bool:
        try:
            response = await self.client.get("/health", timeout=2)
        except httpx.HTTPError:
            return False
        return response.status_code == 200

    async def _restart_when_dead(self) -> None:
        while True:
            await asyncio.sleep(WATCH_INTERVAL_S)
            if not self._child.is_running():
                logger.warning("the MLflow server ended, restarting it; its log: %s", self._log_path())
                self._child.start()

    def _log_path(self) -> Path:
        return self.directory / "server.log"

    def _environ(self) -> dict[str, str]:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = str(Path(__file__).resolve().parents[2])
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        search_path = os.pathsep.join(filter(None, [root, passed_on.get("PYTHONPATH")]))
        return {**passed_on, **QUIET, "PYTHONPATH": search_path}
