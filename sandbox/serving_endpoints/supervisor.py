"""All endpoints of the workspace and the rollout of their configs. Use it on the event loop only."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import shutil
import time
from collections.abc import AsyncIterator, Coroutine, Iterator

from sandbox.serving_endpoints.records import (
    ConfigUpdate,
    Deployment,
    EndpointConfig,
    EndpointRecord,
    EndpointRecords,
    EntityState,
)
from sandbox.serving_endpoints.replicas.replica import Replica, Workshop
from sandbox.store import now_ms
from sandbox.web.errors import invalid

logger = logging.getLogger(__name__)

DRAIN_POLL_S = 0.05
DRAIN_LIMIT_S = 300.0


class Endpoint:
    """One endpoint: its record and its replicas."""

    def __init__(self, record: EndpointRecord) -> None:
        self.record = record
        self.active: dict[str, Replica] = {}
        self.pending: dict[str, Replica] = {}
        self.roll_out: asyncio.Task[None] | None = None

    @property
    def is_updating(self) -> bool:
        return self.record.config_update is ConfigUpdate.IN_PROGRESS

    @property
    def is_ready(self) -> bool:
        states = [replica.state.deployment for replica in self.active.values()]
        return bool(states) and all(state is Deployment.READY for state in states)

    def replica(self, entity_name: str) -> Replica | None:
        """The newest replica with this name."""
        return self.pending.get(entity_name) or self.active.get(entity_name)

    def replicas(self) -> set[Replica]:
        return {*self.active.values(), *self.pending.values()}


class Supervisor:
    def __init__(self, records: EndpointRecords, workshop: Workshop) -> None:
        self._records = records
        self._workshop = workshop
        self._endpoints: dict[str, Endpoint] = {}
        self._background: set[asyncio.Task[None]] = set()
        # Not used for security; a seed makes the split repeatable.
        self._random = random.Random(workshop.settings.traffic_seed)  # noqa: S311

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(list(self._endpoints.values()))

    def get(self, name: str) -> Endpoint | None:
        return self._endpoints.get(name)

    # -- the sandbox's own start and end ------------------------------------------------------------------

    def start(self) -> None:
        """Restores all endpoints of the store: first served configs, then interrupted updates."""
        for record in self._records:
            endpoint = Endpoint(record)
            self._endpoints[record.name] = endpoint
            if record.config is not None:
                endpoint.active = self._new_replicas(endpoint, record.config)
                for replica in endpoint.active.values():
                    replica.start(recovering=True)
            if endpoint.is_updating:
                self._begin_roll_out(endpoint)

    async def stop(self) -> None:
        tasks = [endpoint.roll_out for endpoint in self if endpoint.roll_out is not None]
        for task in [*tasks, *self._background]:
            task.cancel()
        await asyncio.gather(*tasks, *self._background, return_exceptions=True)
        await _stop_all({replica for endpoint in self for replica in endpoint.replicas()})

    # -- changes ------------------------------------------------------------------------------------------

    def add(self, record: EndpointRecord, config: EndpointConfig | None) -> Endpoint:
        endpoint = Endpoint(record)
        self._endpoints[record.name] = endpoint
        if config is None:
            self._records.save(record)
        else:
            self.update(endpoint, config)
        return endpoint

    def update(self, endpoint: Endpoint, config: EndpointConfig) -> None:
        endpoint.record.pending_config = config
        endpoint.record.config_update = ConfigUpdate.IN_PROGRESS
        self.save(endpoint)
        self._begin_roll_out(endpoint)

    def save(self, endpoint: Endpoint) -> None:
        endpoint.record.last_updated_timestamp = now_ms()
        self._records.save(endpoint.record)

    def remove(self, endpoint: Endpoint) -> None:
        """Removes the endpoint at once. Its processes finish their requests and end in the background."""
        del self._endpoints[endpoint.record.name]
        self._records.remove(endpoint.record.id)
        if endpoint.roll_out is not None:
            endpoint.roll_out.cancel()
        self._in_background(self._clear_away(endpoint))

    async def _clear_away(self, endpoint: Endpoint) -> None:
        await _drain_all(endpoint.replicas())
        directory = self._workshop.log_dir / endpoint.record.id
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    # -- rollout ------------------------------------------------------------------------------------------

    def _begin_roll_out(self, endpoint: Endpoint) -> None:
        endpoint.roll_out = asyncio.create_task(self._roll_out(endpoint), name=f"roll out {endpoint.record.name}")

    async def _roll_out(self, endpoint: Endpoint) -> None:
        """The old config serves until all entities of the new one are ready. Then the new config replaces it."""
        config = endpoint.record.pending_config
        assert config is not None
        try:
            endpoint.pending = self._new_replicas(endpoint, config)
            for name, replica in endpoint.pending.items():
                if endpoint.active.get(name) is not replica:
                    replica.start(recovering=False)
            failed = await _first_failure(endpoint.pending)
        except Exception:
            logger.exception("rolling out %s", endpoint.record.name)
            failed = next(iter(endpoint.pending.values()))
        if failed is None:
            self._switch(endpoint, config)
        else:
            await self._give_up(endpoint, config, failed)

    def _new_replicas(self, endpoint: Endpoint, config: EndpointConfig) -> dict[str, Replica]:
        """An unchanged entity keeps its replica and process."""
        return {entity.name: self._replica_for(endpoint, config, entity.name) for entity in config.entities}

    def _replica_for(self, endpoint: Endpoint, config: EndpointConfig, name: str) -> Replica:
        entity = next(entity for entity in config.entities if entity.name == name)
        current = endpoint.active.get(name)
        if current is not None and current.entity.fingerprint == entity.fingerprint:
            return current
        return Replica(endpoint.record.id, endpoint.record.name, entity, self._workshop)

    def _switch(self, endpoint: Endpoint, config: EndpointConfig) -> None:
        old = set(endpoint.active.values()) - set(endpoint.pending.values())
        endpoint.active, endpoint.pending = endpoint.pending, {}
        for entity in config.entities:
            endpoint.active[entity.name].entity = entity  # scale-to-zero may have changed
        record = endpoint.record
        record.config = config.model_copy(update={"start_time": None, "states": {}})
        record.pending_config = None
        record.config_update = ConfigUpdate.NOT_UPDATING
        self.save(endpoint)
        self._in_background(_drain_all(old))

    async def _give_up(self, endpoint: Endpoint, config: EndpointConfig, failed: Replica) -> None:
        new = set(endpoint.pending.values()) - set(endpoint.active.values())
        await _stop_all(new)
        for replica in new:
            if replica.state.deployment is not Deployment.FAILED:
                replica.abort(f"Aborted because served entity '{failed.entity.name}' failed.")
        config.states = {name: replica.state for name, replica in endpoint.pending.items()}
        endpoint.pending = {}
        endpoint.record.config_update = ConfigUpdate.UPDATE_FAILED
        self.save(endpoint)

    # -- reading ------------------------------------------------------------------------------------------

    def state_of(self, endpoint: Endpoint, config: EndpointConfig, entity_name: str) -> EntityState:
        """The state of an entity of the served or pending config."""
        if entity_name in config.states:
            return config.states[entity_name]
        replicas = endpoint.active if config is endpoint.record.config else endpoint.pending
        replica = replicas.get(entity_name)
        return replica.state if replica else EntityState(deployment=Deployment.CREATING)

    def choose(self, endpoint: Endpoint) -> Replica | None:
        """A replica chosen by the weights of the routes; None before the first config is served."""
        config = endpoint.record.config
        if config is None:
            return None
        names = [route.name for route in config.routes]
        weights = [route.traffic_percentage for route in config.routes]
        return endpoint.active[self._random.choices(names, weights)[0]]

    @contextlib.asynccontextmanager
    async def apart(self, endpoint: Endpoint, replica: Replica) -> AsyncIterator[Replica]:
        """A separate process for the entity of ``replica``. Its requests do not count in the endpoint's metrics.

        Raises ApiError if the process does not start.
        """
        entity = replica.entity.model_copy(update={"name": f"{replica.entity.name}-apart"})
        own = Replica(endpoint.record.id, endpoint.record.name, entity, self._workshop)
        own.start(recovering=False)
        try:
            await own.settled()
            if own.state.deployment is not Deployment.READY:
                raise invalid(f"The served entity did not start: {own.state.deployment_state_message}")
            yield own
        finally:
            await own.stop()

    def newest(self, endpoint: Endpoint, entity_name: str) -> Replica | None:
        """The newest replica with this name, also if it failed and was removed. For its logs."""
        replica = endpoint.replica(entity_name)
        pending = endpoint.record.pending_config
        for entity in pending.entities if pending else []:
            if entity.name == entity_name and entity_name not in endpoint.pending:
                return Replica(endpoint.record.id, endpoint.record.name, entity, self._workshop)
        return replica

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _first_failure(replicas: dict[str, Replica]) -> Replica | None:
    """Waits until all replicas are ready (returns None) or one has failed (returns it)."""
    waiting = [asyncio.create_task(replica.settled()) for replica in replicas.values()]
    try:
        for finished in asyncio.as_completed(waiting):
            replica = await finished
            if replica.state.deployment is Deployment.FAILED:
                return replica
    finally:
        for task in waiting:
            task.cancel()
    return None


async def _drain_all(replicas: set[Replica]) -> None:
    """Stops the replicas. Their processes finish open requests and get no new ones."""
    deadline = time.monotonic() + DRAIN_LIMIT_S
    try:
        while any(replica.in_flight for replica in replicas) and time.monotonic() < deadline:
            await asyncio.sleep(DRAIN_POLL_S)
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await _stop_all(replicas)


async def _stop_all(replicas: set[Replica]) -> None:
    await asyncio.gather(*(replica.stop() for replica in replicas))
