"""The Sail server: a Spark Connect server in its own process, started on first use."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from pathlib import Path

from sandbox.child import Child, free_port
from sandbox.config import LOOPBACK

logger = logging.getLogger(__name__)
START_TIMEOUT_S = 30.0
POLL_S = 0.01
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
# The name of Sail's own catalog. It must not collide with a catalog of Unity Catalog.
OWN_CATALOG = "spark_catalog"
SETTINGS = {
    "SAIL_CATALOG__LIST": f'[{{name="{OWN_CATALOG}", type="memory", initial_database=["default"]}}]',
    "SAIL_CATALOG__DEFAULT_CATALOG": OWN_CATALOG,
    # A long timeout, because a job can be busy with other work. Sessions are released when their job or statement ends.
    "SAIL_SPARK__SESSION_TIMEOUT_SECS": str(24 * 3600),
    "PYTHONDONTWRITEBYTECODE": "1",
}


class SparkUnavailableError(Exception):
    """The Sail server does not start, or stopped."""


class SailServer:
    """Thread-safe. The server is ready 0.1 s after its start and takes 40 MB."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._port = 0
        self._starts = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """None before the first start."""
        return self._child.pid if self._child else None

    @property
    def log_path(self) -> Path:
        return self._directory / "sail.log"

    def running(self) -> tuple[int, int]:
        """The port and the number of starts. Sessions are lost when the number changes.

        Starts the server if necessary and blocks until it answers. Raises SparkUnavailableError.
        """
        with self._lock:
            if self._closed:
                raise SparkUnavailableError("The workspace is shutting down.")
            if self._child is None or not self._child.is_running():
                self._start()
            return self._port, self._starts

    def stop(self) -> None:
        """Stops the server permanently."""
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.stop()

    def _start(self) -> None:
        if self._starts:
            logger.warning("the Sail server ended, restarting it; its log: %s", self.log_path)
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._port = free_port()
        # -P: the server must not import modules from the working directory.
        argv = [sys.executable, "-P", "-m", "pysail", "spark", "server", "--ip", LOOPBACK, "--port", str(self._port)]
        child = Child(argv, self._environ(), self.log_path, self._directory)
        child.start()
        self._wait_until_it_answers(child)
        self._child = child
        self._starts += 1

    def _wait_until_it_answers(self, child: Child) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and child.is_running():
            try:
                socket.create_connection((LOOPBACK, self._port), timeout=1).close()
            except OSError:
                time.sleep(POLL_S)
            else:
                return
        child.stop()
        raise SparkUnavailableError(f"The Sail server does not start; its log: {self.log_path}")

    def _environ(self) -> dict[str, str]:
        """Without the sandbox's secrets, because functions of jobs run in the server."""
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**passed_on, "HOME": str(self._directory), **SETTINGS}
