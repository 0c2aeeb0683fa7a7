"""Waits until an endpoint has finished its update."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from standin_databricks.client import StoppedError

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_PAUSE_GROWTH = 1.4


class WaitError(Exception):
    """The update failed, was cancelled, or took longer than allowed."""


def wait_until_settled(read: Callable[[], dict[str, Any]], *, timeout_s: float, stop: threading.Event) -> None:
    """Poll until ``state.config_update`` is NOT_UPDATING. Raises WaitError, StoppedError or ApiError."""
    deadline, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
    while True:
        endpoint = read()
        status = (endpoint.get("state") or {}).get("config_update")
        if status == "NOT_UPDATING":
            return
        if status != "IN_PROGRESS":
            raise WaitError(f"failed to reach NOT_UPDATING, got {status}{_reasons(endpoint)}")
        if time.monotonic() + pause_s > deadline:
            raise WaitError(f"timed out after {timeout_s:g} s, still {status}")
        if stop.wait(pause_s):
            raise StoppedError("interrupted while the endpoint was updating")
        pause_s = min(pause_s * _PAUSE_GROWTH, _LONGEST_PAUSE_S)


def _reasons(endpoint: dict[str, Any]) -> str:
    entities = (endpoint.get("pending_config") or {}).get("served_entities") or []
    states = [(entity.get("name"), entity.get("state") or {}) for entity in entities]
    told = [f"{name}: {s['deployment_state_message']}" for name, s in states if s.get("deployment_state_message")]
    return f" ({'; '.join(told)})" if told else ""
