"""Runs parts under a supervisor from start to stop, and waits until they are ready."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx
from django.conf import settings
from django.core.management.base import CommandError

from embedded import prepare
from embedded.first_deployment import DemoFailed
from embedded.parts import PORTAL, NoRedis, Part, redis
from embedded.ports import LOOPBACK, PortTaken
from embedded.prepare import AlreadyRunning, PrepareError
from embedded.processes import adopt_orphans, end_descendants, reap
from embedded.stop_with_parent import stop_with_parent
from embedded.supervision import Supervisor, SupervisorError

ROOT = Path(settings.BASE_DIR)
NAP_S = 0.2
# Time for processes that remain after the parts have stopped.
LEFTOVER_GRACE_S = 6
READY_TIMEOUT_S = 120


class Stopped(Exception):
    """The process received SIGINT, SIGTERM or SIGHUP."""


class Progress:
    """Prints lines with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:4.0f} s] {text}", flush=True)


def parts(*others: Part) -> tuple[Part, ...]:
    """The parts of the portal, ``others``, and Redis unless REDIS_URL is set."""
    embedded = (redis(settings.EMBEDDED_REDIS_SOCKET),) if settings.EMBEDDED_REDIS else ()
    return (*embedded, *others, *PORTAL)


@contextmanager
def running(all_parts: Sequence[Part], extra: Mapping[str, str], say: Callable[[str], None]) -> Iterator[Supervisor]:
    """A supervisor for ``all_parts``, none of them started. At the end all parts and their descendants are stopped.

    ``extra`` is added to their environment. Raises Stopped inside the block on a signal to stop.
    """
    if os.environ.get("SLIPWAY_STOP_WITH_PARENT"):
        stop_with_parent(os.getppid())
    adopt_orphans()
    # Keep the terminal free for ``say``; the parts have their own logs.
    logging.getLogger().setLevel(logging.WARNING)
    environment = {"GRANIAN_HOST": LOOPBACK, "GRANIAN_PORT": str(settings.PORT), **os.environ, **extra}
    environment["VAR_DIR"] = str(settings.VAR_DIR)
    supervisor = Supervisor(all_parts, places=prepare.places(), root=ROOT, environment=environment)
    with _told_to_stop():
        try:
            supervisor.open()
            yield supervisor
        except Stopped as stopped:
            say(f"{stopped}: stopping")
            raise
        finally:
            # A second Ctrl-C must not leave parts running.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            say("stopping the parts")
            supervisor.stop()
            end_descendants(grace_s=LEFTOVER_GRACE_S)
            say("stopped")


def wait_for(supervisor: Supervisor, url: str) -> None:
    """Wait until ``url`` answers 200. Raises SupervisorError if a part fails, or after READY_TIMEOUT_S seconds."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    with httpx.Client(timeout=5) as client:
        while not _answers(client, url):
            supervisor.check()
            if time.monotonic() > deadline:
                raise SupervisorError(f"{url} does not answer. See {supervisor.places.logs}.")
            time.sleep(NAP_S)


def stay(supervisor: Supervisor) -> None:
    """Wait forever. Raises Stopped on a signal to stop, and SupervisorError if a part fails."""
    own = frozenset({supervisor.pid} if supervisor.pid else ())
    while True:
        supervisor.check()
        reap(keep=own)
        time.sleep(1)


@contextmanager
def ended() -> Iterator[None]:
    """Turn exceptions into an exit status: Stopped into success, known errors into CommandError with a message."""
    try:
        yield
    except Stopped:
        return
    except (AlreadyRunning, PortTaken, NoRedis, PrepareError, SupervisorError, DemoFailed) as error:
        raise CommandError(str(error)) from error
    except (httpx.HTTPError, subprocess.CalledProcessError) as error:
        raise CommandError(f"{type(error).__name__}: {error}") from error


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def _told_to_stop() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
