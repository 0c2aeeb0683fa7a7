"""The context of a stage: the run, its lease, its log, and requests to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from catalog.workspaces.services import connect
from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec
from deployments.runs.models import Lease, LeaseLost, Line, Run
from deployments.runs.statuses import Level
from integrations.databricks.workspace import WorkspaceClient

# Set when this worker process is told to shut down.
STOPPING = threading.Event()

FLUSH_EVERY_S = 0.25
CHECK_EVERY_S = 0.5


@dataclass
class Context:
    """The context of one stage. ``log`` may be called from any thread; ``pump`` writes the lines in batches."""

    run: Run
    lease: Lease
    lost: threading.Event = field(default_factory=threading.Event)
    _lines: list[Line] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _flushed_at: float = 0.0
    _checked_at: float = 0.0
    _cancel: bool = False
    _workspace: WorkspaceClient | None = None

    @property
    def spec(self) -> DeploymentSpec:
        return self.run.parsed_spec()

    @property
    def workspace(self) -> WorkspaceClient:
        if self._workspace is None:
            self._workspace = connect(self.run.deployment.workspace)
        return self._workspace

    @property
    def directory(self) -> Path:
        """The working directory of this attempt's Terraform, on this host."""
        return Path(settings.RUN_DIR) / f"run-{self.run.pk}-{self.run.attempt}"

    def log(self, message: str, *, level: Level = Level.INFO, source: str = "slipway") -> None:
        with self._lock:
            self._lines.append(Line(self.run.status, message, level, source))

    def flush(self) -> None:
        """Write the pending lines. If the database fails, they stay pending, in order."""
        with self._lock:
            lines, self._lines = self._lines, []
        self._flushed_at = time.monotonic()
        try:
            self.run.log(lines)
        except DatabaseError:
            with self._lock:
                self._lines = lines + self._lines
            raise

    def pump(self) -> None:
        """Write pending lines at intervals. Raises LeaseLost if another worker has taken over the run."""
        if self.lost.is_set():
            raise LeaseLost(f"run {self.run.pk} was taken over by another worker")
        if time.monotonic() - self._flushed_at >= FLUSH_EVERY_S:
            self.flush()

    @property
    def stopping(self) -> bool:
        return STOPPING.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether a cancellation was requested. Queries the database at most twice a second."""
        if not self._cancel and time.monotonic() - self._checked_at >= CHECK_EVERY_S:
            self._checked_at = time.monotonic()
            asked = Run.objects.filter(pk=self.run.pk).exclude(cancel_requested_at=None)
            self._cancel = asked.exists()
        return self._cancel

    def should_stop(self) -> bool:
        """Whether long work should end early. Call it often, because it also writes the log."""
        self.pump()
        return self.stopping or self.cancelled


def _beat(lease: Lease, lost: threading.Event, done: threading.Event) -> None:
    """Renew the lease until the stage is done. Retries if the database is not available."""
    try:
        while not done.wait(settings.LEASE_S / 4):
            try:
                if not Run.renew_lease(lease):
                    lost.set()
                    return
            except DatabaseError:
                connections.close_all()
    finally:
        connections.close_all()


@contextmanager
def heartbeat(context: Context) -> Iterator[None]:
    """Renew the lease in a separate thread while the block runs."""
    done = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(context.lease, context.lost, done), name=f"lease-{context.run.pk}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def mark_destroyed(context: Context) -> None:
    """Mark the deployment as destroyed, which releases its name."""
    Deployment.objects.filter(pk=context.run.deployment_id).update(
        destroyed_at=timezone.now(), endpoint_id="", ready="", config_update="", served=[], pending=[]
    )
