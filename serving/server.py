"""uvicorn with draining: after SIGTERM it rejects new requests, finishes running ones and exits with status 0."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from types import FrameType

import uvicorn
from fastapi import FastAPI

from serving.lifecycle import Phase
from serving.settings import ServingSettings

EXIT_FAILED_TO_LOAD = 3
EXIT_CUT_OFF = 4


class DrainingServer(uvicorn.Server):
    """Stops if the model cannot be loaded, or after a signal when the last prediction has finished."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: ServingSettings) -> None:
        super().__init__(config)
        self._runtime = app.state.runtime
        self._in_flight = app.state.metrics.in_flight
        self._settings = settings
        self._drain_deadline: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then write the port file atomically, because another process polls for it."""
        await super().startup(sockets)
        if self._settings.port_file is not None and self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            draft = self._settings.port_file.with_suffix(".tmp")
            draft.write_text(str(port))
            draft.rename(self._settings.port_file)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining. Unlike uvicorn's handler, it does not re-raise the signal, so the exit status is kept."""
        self._runtime.lifecycle.drain()
        if self._drain_deadline is None:
            self._drain_deadline = time.monotonic() + self._settings.grace_s

    async def on_tick(self, counter: int) -> bool:
        if self._runtime.lifecycle.phase is Phase.FAILED:
            return True
        if self._drain_deadline is not None and (self.idle or time.monotonic() >= self._drain_deadline):
            return True
        return await super().on_tick(counter)

    @property
    def idle(self) -> bool:
        return not self._in_flight.collect()[0].samples[0].value and not self._runtime.pool.running

    @property
    def exit_status(self) -> int:
        if self._runtime.lifecycle.phase is Phase.FAILED:
            return EXIT_FAILED_TO_LOAD
        return 0 if self.idle else EXIT_CUT_OFF


def watch_parent(parent_pid: int, grace_s: float) -> None:
    """Drain when the parent has died, and exit even if draining hangs.

    Polls the parent's pid, because PR_SET_PDEATHSIG fires when the parent's *thread* ends.
    """

    def watch() -> None:
        gone = threading.Event()
        while os.getppid() == parent_pid:
            gone.wait(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        gone.wait(grace_s + 1.0)
        os._exit(EXIT_CUT_OFF)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
