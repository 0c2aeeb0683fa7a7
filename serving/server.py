"""uvicorn with a drain: after SIGTERM nothing new is taken, what runs may finish, then the process ends with 0."""

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
    """Ends when the model cannot be loaded, or when the last prediction after a signal is done."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: ServingSettings) -> None:
        super().__init__(config)
        self._runtime = app.state.runtime
        self._in_flight = app.state.metrics.in_flight
        self._settings = settings
        self._drain_deadline: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, then tell the port: whole or not at all, because somebody polls for the file."""
        await super().startup(sockets)
        if self._settings.port_file is not None and self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            draft = self._settings.port_file.with_suffix(".tmp")
            draft.write_text(str(port))
            draft.rename(self._settings.port_file)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Replaces uvicorn's: no captured signal is raised again at the end, so the exit status is ours."""
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
    """Drain when the parent is gone, however it died; leave no orphan behind even if the drain hangs.

    PR_SET_PDEATHSIG would fire when the parent's *thread* ends, so the parent's id is watched instead.
    """

    def watch() -> None:
        gone = threading.Event()
        while os.getppid() == parent_pid:
            gone.wait(1.0)
        os.kill(os.getpid(), signal.SIGTERM)
        gone.wait(grace_s + 1.0)
        os._exit(EXIT_CUT_OFF)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
