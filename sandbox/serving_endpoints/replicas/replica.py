"""One served entity and its process: build, start, watch, restart, sleep, stop. Use it on the event loop only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sandbox.child import Child
from sandbox.control.faults import Faults, SwitchKind
from sandbox.serving_endpoints.records import Deployment, Entity, EntityState
from sandbox.serving_endpoints.replicas.build import BuildError, BuildLog, inspect_model
from sandbox.serving_endpoints.replicas.command import served_argv, served_environment
from sandbox.serving_endpoints.replicas.settings import EndpointSettings
from sandbox.web.errors import ApiError

logger = logging.getLogger(__name__)

WATCH_INTERVAL_S = 0.2
FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
STOP_GRACE_S = 15.0
LOG_LIMIT_BYTES = 8 * 1024 * 1024
SCALED_TO_ZERO = "Scaled to zero"


@dataclass
class Workshop:
    """What all replicas share."""

    settings: EndpointSettings
    faults: Faults
    #: The local directory of a model version. Raises ApiError, can block.
    locate_model: Callable[[str, str], Path]
    #: Replaces references to secrets by their values. Raises ApiError, can block.
    resolve_env: Callable[[dict[str, str]], dict[str, str]]
    http: httpx.AsyncClient
    log_dir: Path
    starts: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.starts = asyncio.Semaphore(max(self.settings.parallel_starts, 1))


class Replica:
    """Owns the state of one entity: no other code changes it."""

    def __init__(self, endpoint_id: str, endpoint_name: str, entity: Entity, workshop: Workshop) -> None:
        self.entity = entity
        self.state = EntityState(deployment=Deployment.CREATING, deployment_state_message="Building the container")
        self.in_flight = 0
        self.url = ""
        self.process_started_at_ms = 0
        self._endpoint_name = endpoint_name
        self._workshop = workshop
        directory = workshop.log_dir / endpoint_id
        stem = f"{entity.name}-{entity.fingerprint}"
        self.build_log_path = directory / f"{stem}.build.log"
        self.server_log_path = directory / f"{stem}.server.log"
        self._port_path = directory / f"{stem}.port"
        self._build_log = BuildLog(self.build_log_path)
        self._child: Child | None = None
        self._proven = False
        self._asleep = False
        self._last_used = time.monotonic()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # -- life ---------------------------------------------------------------------------------------------

    def start(self, *, recovering: bool) -> None:
        """`recovering`: the entity served before the sandbox restarted, so failures are retried without limit."""
        self._proven = recovering
        if recovering:
            self._set(Deployment.RECOVERING, "The served entity is starting again")
        self._task = asyncio.create_task(self._live(), name=f"replica {self.entity.name}")

    async def settled(self) -> Replica:
        """Waits until the entity is READY or FAILED for the first time."""
        await self._settled.wait()
        return self

    async def stop(self) -> None:
        """Ends the task, then the process: SIGTERM drains it, SIGKILL follows after a grace period."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._end_process()

    def abort(self, message: str) -> None:
        self._set(Deployment.ABORTED, message)

    async def _live(self) -> None:
        try:
            model_path, environment = await self._build_until_done()
            await self._serve(model_path, environment)
        except BuildError as error:
            await self._end_process()
            self._build_log.line(f"Build failed: {error}")
            self._set(Deployment.FAILED, str(error))
        except Exception:
            logger.exception("serving %s of %s", self.entity.name, self._endpoint_name)
            await self._end_process()
            self._set(Deployment.FAILED, "The sandbox could not serve this entity; see its log.")
        finally:
            self._settled.set()

    async def _build_until_done(self) -> tuple[Path, dict[str, str]]:
        """Retries only an entity that served before."""
        backoff_s = FIRST_BACKOFF_S
        while True:
            try:
                return await self._build()
            except BuildError as error:
                if not self._proven:
                    raise
                self._set(Deployment.RECOVERING, str(error))
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    async def _build(self) -> tuple[Path, dict[str, str]]:
        entity, log = self.entity, self._build_log
        log.begin()
        log.line(f"Building {entity.entity_name} version {entity.entity_version} as {entity.name}.")
        if not self._proven:
            await asyncio.sleep(self._workshop.settings.build_s)
            if self._fault("build_fails"):
                raise BuildError("Container image creation failed: the fault build_fails is switched on.")
        try:
            model_path = await asyncio.to_thread(self._workshop.locate_model, entity.entity_name, entity.entity_version)
            environment = await asyncio.to_thread(self._workshop.resolve_env, entity.environment_vars or {})
            await asyncio.to_thread(inspect_model, model_path, log)
        except (ApiError, OSError) as error:
            raise BuildError(error.message if isinstance(error, ApiError) else str(error)) from error
        log.line("Build finished.")
        return model_path, environment

    # -- serving ------------------------------------------------------------------------------------------

    async def _serve(self, model_path: Path, environment: dict[str, str]) -> None:
        backoff_s = FIRST_BACKOFF_S
        while True:
            reason = await self._start_process(model_path, environment)
            if reason is None:
                self._became_ready()
                backoff_s = await self._watch(backoff_s)
            elif not self._proven:
                raise BuildError(reason)
            else:
                self._set(Deployment.RECOVERING, reason)
            await self._end_process()
            if self._asleep:
                await self._sleep_until_asked()
                continue
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, LONGEST_BACKOFF_S)

    async def _start_process(self, model_path: Path, environment: dict[str, str]) -> str | None:
        """Starts the process and waits for `/ping`. Returns the reason of a failure, or None."""
        async with self._workshop.starts:
            if not self._proven:
                self._set(Deployment.CREATING, "Starting the served entity")
            self._port_path.unlink(missing_ok=True)
            self._begin_server_log()
            argv = served_argv(self.entity, model_path, self._port_path)
            self._child = Child(argv, served_environment(os.environ, environment), self.server_log_path)
            self._child.start()
            self.process_started_at_ms = int(time.time() * 1000)
            return await self._await_ready(time.monotonic() + self._workshop.settings.start_timeout_s)

    def _begin_server_log(self) -> None:
        """Truncates a long log from the front before a new process starts."""
        path = self.server_log_path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            with path.open("rb") as file:
                file.seek(-LOG_LIMIT_BYTES // 8, os.SEEK_END)
                rest = file.read()
            path.write_bytes(rest)

    async def _await_ready(self, deadline: float) -> str | None:
        assert self._child is not None
        detail = "it does not answer"
        while time.monotonic() < deadline:
            if not self._child.is_running():
                return "The served entity's process ended while it was starting. See the service logs."
            ready, detail = await self._ping(detail)
            if ready:
                return None
            if self._fault("model_crashes"):
                self._kill()
            await asyncio.sleep(WATCH_INTERVAL_S)
        return f"The served entity was not ready in time: {detail}"

    async def _ping(self, detail: str) -> tuple[bool, str]:
        if not self._port_path.exists():
            return False, detail
        url = f"http://127.0.0.1:{self._port_path.read_text()}"
        try:
            response = await self._workshop.http.get(f"{url}/ping", timeout=5.0)
        except httpx.HTTPError:
            return False, detail
        if response.status_code != 200:
            return False, response.text
        self.url = url
        return True, response.text

    def _became_ready(self) -> None:
        self._proven = True
        self._last_used = time.monotonic()
        self._set(Deployment.READY, "")
        self._settled.set()

    async def _watch(self, backoff_s: float) -> float:
        """Returns when the process has ended or should sleep: the pause before the next start."""
        assert self._child is not None
        began_at = time.monotonic()
        while self._child.is_running():
            if self._is_idle():
                self._asleep = True
                self._set(Deployment.READY, SCALED_TO_ZERO)
                return FIRST_BACKOFF_S
            if self._fault("model_crashes"):
                self._kill()
            await asyncio.sleep(WATCH_INTERVAL_S)
        self.url = ""
        self._set(Deployment.RECOVERING, "The served entity's process ended; it is being started again.")
        lived_s = time.monotonic() - began_at
        return FIRST_BACKOFF_S if lived_s > LONGEST_BACKOFF_S else backoff_s

    def _is_idle(self) -> bool:
        if not self.entity.scale_to_zero_enabled or self.in_flight:
            return False
        return time.monotonic() - self._last_used >= self._workshop.settings.idle_s

    async def _sleep_until_asked(self) -> None:
        self._wake.clear()
        await self._wake.wait()
        self._asleep = False

    async def _end_process(self) -> None:
        child, self._child = self._child, None
        self.url = ""
        self._port_path.unlink(missing_ok=True)
        if child is not None:
            await asyncio.to_thread(child.stop, STOP_GRACE_S)

    # -- requests -----------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def is_asleep(self) -> bool:
        return self._asleep

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Keeps the process awake during a request."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._last_used = time.monotonic()

    async def wake(self, timeout_s: float) -> bool:
        """Starts a sleeping process. Returns whether the replica is ready for requests."""
        deadline = time.monotonic() + timeout_s
        while self._asleep or (self.state.deployment is Deployment.READY and not self.url):
            self._wake.set()
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.02)
        return bool(self.url) and self.state.deployment is Deployment.READY

    # -- helpers ------------------------------------------------------------------------------------------

    def _set(self, deployment: Deployment, message: str) -> None:
        self.state = EntityState(deployment=deployment, deployment_state_message=message)

    def _kill(self) -> None:
        """Kills the process at once, for the fault model_crashes. The watch then finds it dead."""
        if self._child is not None and self._child.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def _fault(self, kind: SwitchKind) -> bool:
        return self._workshop.faults.active(
            kind,
            endpoint=self._endpoint_name,
            served_entity=self.entity.name,
            entity_version=self.entity.entity_version,
        )
