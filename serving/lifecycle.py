"""The phase of the server between start and end, and its reason."""

from __future__ import annotations

import enum
import threading


class Phase(enum.Enum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class Lifecycle:
    """The phase and its reason. The loader thread and the signal handler write them; requests read them."""

    def __init__(self) -> None:
        # Re-entrant, because the signal handler runs in the main thread, which may already hold the lock.
        self._lock = threading.RLock()
        self._phase = Phase.LOADING
        self._reason = "The model is loading."

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def reason(self) -> str:
        return self._reason

    def ready(self, reason: str) -> None:
        with self._lock:
            if self._phase is Phase.LOADING:
                self._phase, self._reason = Phase.READY, reason

    def fail(self, reason: str) -> None:
        with self._lock:
            if self._phase is Phase.LOADING:
                self._phase, self._reason = Phase.FAILED, reason

    def drain(self) -> None:
        with self._lock:
            if self._phase is not Phase.FAILED:
                self._phase, self._reason = Phase.DRAINING, "The server is shutting down."
