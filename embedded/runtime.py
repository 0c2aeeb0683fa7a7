"""Parts under a supervisor, from a clean start to a clean end, and the questions "is it there yet?"."""

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
# What is left of a part that did not stop in time.
LEFTOVER_GRACE_S = 6
READY_TIMEOUT_S = 120


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C or SIGTERM."""


class Progress:
    """Lines with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"[{time.monotonic() - self._started:4.0f} s] {text}", flush=True)


def parts(*others: Part) -> tuple[Part, ...]:
    """The portal, Redis unless REDIS_URL names one, and ``others``."""
    embedded = (redis(settings.EMBEDDED_REDIS_SOCKET),) if settings.EMBEDDED_REDIS else ()
    return (*embedded, *others, *PORTAL)


@contextmanager
def running(all_parts: Sequence[Part], extra: Mapping[str, str], say: Callable[[str], None]) -> Iterator[Supervisor]:
    """A supervisor for ``all_parts``, none of them started yet; all gone at the end, with all that they started.

    ``extra`` goes into their environment. Raises Stopped inside the block when we are told to stop.
    """
    if os.environ.get("SLIPWAY_STOP_WITH_PARENT"):
        stop_with_parent(os.getppid())
    adopt_orphans()
    # The terminal is for ``say``; the parts have logs of their own.
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
            _ignore_signals()
            say("stopping the parts")
            supervisor.stop()
            end_descendants(grace_s=LEFTOVER_GRACE_S)
            say("stopped")


def wait_for(supervisor: Supervisor, url: str) -> None:
    """Until ``url`` answers 200. Raises SupervisorError when a part is given up meanwhile, or after 120 s."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _answers(url):
        supervisor.check()
        if time.monotonic() > deadline:
            raise SupervisorError(f"{url} does not answer: see {supervisor.places.logs}.")
        time.sleep(NAP_S)


def stay(supervisor: Supervisor) -> None:
    """Until we are told to stop (Stopped) or a part is given up (SupervisorError)."""
    own = frozenset({supervisor.pid} if supervisor.pid else ())
    while True:
        supervisor.check()
        reap(keep=own)
        time.sleep(1)


@contextmanager
def ended() -> Iterator[None]:
    """Turn the ways in which all of this ends into an exit status and, where something is wrong, a message."""
    try:
        yield
    except Stopped:
        return
    except (AlreadyRunning, PortTaken, NoRedis, PrepareError, SupervisorError, DemoFailed) as error:
        raise CommandError(str(error)) from error
    except (httpx.HTTPError, subprocess.CalledProcessError) as error:
        raise CommandError(f"{type(error).__name__}: {error}") from error


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
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


def _ignore_signals() -> None:
    """A second Ctrl-C must not leave half of the parts running."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
