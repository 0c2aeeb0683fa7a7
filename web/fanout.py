"""Fan-out: a task that beat starts sends one task for each row, so that one slow row holds up no other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from celery import Task

# Steps of a prime spread neighbouring ids, and each id keeps its place in every round.
PRIME = 7919


def fan_out(
    task: Task[..., Any], ids: Iterable[int] | Iterable[str], *, expires_s: float | None = None, spread_s: int = 0
) -> None:
    """Send ``task`` once for each of ``ids``, spread over the next ``spread_s`` seconds (0: all at once).

    A message that no worker took ``expires_s`` seconds after its time is dropped: the next round sends a new one.
    Only integer ids can be spread.
    """
    for key in ids:
        wait_s = int(key) * PRIME % spread_s if spread_s else 0
        options: dict[str, Any] = {} if expires_s is None else {"expires": wait_s + expires_s}
        task.apply_async((key,), countdown=wait_s, **options)
