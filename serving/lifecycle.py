"""Where the server stands between start and end, and why."""

from __future__ import annotations

import enum
import threading


class Phase(enum.Enum):
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


class Lifecycle:
    """The phase and its reason; written by the loader thread and by the signal handler, read by requests."""

    def __init__(self) -> None:
        # The signal handler runs inside the main thread, which may hold the lock: it must be re-entrant.
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
