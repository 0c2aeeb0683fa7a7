"""Child processes that never outlive the sandbox."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox.config import LOOPBACK

logger = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
STOP_GRACE_S = 5.0
# Linux sends a child its death signal when the THREAD that forked it ends, and idle worker threads of the event
# loop end. This thread lives as long as the sandbox, so it forks all children.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """A process in its own process group. Its output goes to a log file (0600)."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], log_path: Path, working_dir: Path | None = None
    ) -> None:
        """Without a ``working_dir`` the process starts in the sandbox's working directory."""
        self._argv = list(argv)
        self._working_dir = working_dir
        self._env = dict(env)
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while the process runs; minus the signal number if a signal ended it."""
        return self._process.poll() if self._process else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Callable from any thread."""
        self._process = _spawner.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        log_fd = os.open(self._log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(
                self._argv,
                env=self._env,
                cwd=self._working_dir,
                stdin=subprocess.DEVNULL,
                stdout=log_fd,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Runs in the child before exec: it dies with its parent.
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
            )
        finally:
            os.close(log_fd)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Sends SIGTERM to the process group, and SIGKILL after ``grace_s`` seconds."""
        process = self._process
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            logger.warning("child %s ignored SIGTERM, killing it", process.pid)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait(timeout=grace_s)


def _signal_group(pid: int, signal_number: int) -> None:
    try:
        os.killpg(pid, signal_number)
    except ProcessLookupError:
        return


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
