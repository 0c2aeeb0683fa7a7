"""Descendants of this process: adopting orphans, listing and ending them. Linux only (/proc)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
NAP_S = 0.1
KILL_TAKES_S = 2


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that it can find and end them.

    Terraform intentionally outlives the worker that started it, but it must not outlive the whole product.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """Pids of all living descendants, parents before children."""
    found, queue = [], [os.getpid()]
    while queue:
        below = list(_children(queue.pop()))
        queue.extend(below)
        found.extend(below)
    return [pid for pid in found if not _is_zombie(pid)]


def end_descendants(*, grace_s: float) -> None:
    """Interrupt the remaining descendants, so that Terraform can save its state, then terminate and kill them."""
    _signal(descendants(), signal.SIGINT)
    if not _gone_within(grace_s / 2):
        _signal(descendants(), signal.SIGTERM)
        if not _gone_within(grace_s / 2):
            _signal(descendants(), signal.SIGKILL)
            _gone_within(KILL_TAKES_S)
    reap()


def reap(keep: frozenset[int] = frozenset()) -> None:
    """Collect the exit status of ended children, except those in ``keep``, which are awaited elsewhere."""
    for pid in _children(os.getpid()):
        if pid not in keep and _is_zombie(pid):
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _gone_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while descendants():
        if time.monotonic() > deadline:
            return False
        time.sleep(NAP_S)
    return True


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from (int(child) for child in task.read_text().split())


def _is_zombie(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"
