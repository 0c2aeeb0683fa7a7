"""Roll-outs with real processes: what serves while something else is being prepared, fails, sleeps or dies."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from integrations.metrics import read_loads, read_windows
from sandbox.control.faults import Fault, Faults
from sandbox.serving_endpoints.api.bodies import ConfigBody
from sandbox.serving_endpoints.api.validation import Author, read_config
from sandbox.serving_endpoints.records import SCHEMA, EndpointRecord, EndpointRecords
from sandbox.serving_endpoints.replicas.replica import Replica, Workshop
from sandbox.serving_endpoints.replicas.settings import EndpointSettings
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor
from sandbox.serving_endpoints.traffic.invocations import Reply, forward
from sandbox.serving_endpoints.traffic.metrics import Meter
from sandbox.store import Store
from sandbox.web.errors import not_found
from tests.loops import run_async
from tests.processes import is_running
from tests.serving.moody_model import save_moody_model

pytestmark = pytest.mark.xdist_group("serving_endpoints")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_moody_model(tmp_path_factory.mktemp("models") / "moody")


class World:
    """A supervisor with everything around it but the HTTP surface."""

    def __init__(self, directory: Path, model: Path, settings: EndpointSettings, http: httpx.AsyncClient) -> None:
        self.faults = Faults()
        self.http = http
        self.model = model
        self.records = EndpointRecords(Store(directory / "workspace.db", [SCHEMA]))
        self.workshop = Workshop(settings, self.faults, self.locate, dict, http, directory / "logs")
        self.supervisor = Supervisor(self.records, self.workshop)
        self.supervisor.start()

    def locate(self, name: str, version: str) -> Path:
        if name.endswith(".gone"):
            raise not_found(f"Registered model '{name}' does not exist.")
        return self.model

    def create(self, config: dict[str, Any]) -> Endpoint:
        return self.supervisor.add(new_record("ep"), read(config, 1))

    async def update(self, endpoint: Endpoint, config: dict[str, Any]) -> None:
        self.supervisor.update(endpoint, read(config, 2))
        await self.until(lambda: not endpoint.is_updating)

    async def ready(self, config: dict[str, Any]) -> Endpoint:
        endpoint = self.create(config)
        await self.until(lambda: not endpoint.is_updating)
        assert endpoint.is_ready, endpoint.record
        return endpoint

    async def until(self, predicate: Callable[[], bool], timeout_s: float = 60) -> None:
        async with asyncio.timeout(timeout_s):
            while not predicate():
                await asyncio.sleep(0.02)

    async def ask(self, replica: Replica, mood: str) -> Reply:
        body = json.dumps({"dataframe_records": [{"mood": mood}]}).encode()
        return await forward(replica, body, "application/json", "request-1", self.http)


@asynccontextmanager
async def world(directory: Path, model: Path, settings: EndpointSettings | None = None) -> AsyncIterator[World]:
    async with httpx.AsyncClient(trust_env=False) as http:
        around = World(directory, model, settings or EndpointSettings(), http)
        try:
            yield around
        finally:
            await around.supervisor.stop()


def new_record(name: str) -> EndpointRecord:
    return EndpointRecord(id="a" * 32, name=name, creator="ann", creation_timestamp=1, last_updated_timestamp=1)


def read(config: dict[str, Any], version: int) -> Any:
    return read_config(ConfigBody.model_validate(config), Author("ann", 1), version)


def serving(*names: str, shares: tuple[int, ...] = (100,), **options: Any) -> dict[str, Any]:
    entities = [{"name": name, "entity_name": "dev.a.moody", "entity_version": "1", **options} for name in names]
    routes = [{"served_entity_name": n, "traffic_percentage": s} for n, s in zip(names, shares, strict=True)]
    return {"served_entities": entities, "traffic_config": {"routes": routes}}


def pid_of(replica: Replica) -> int:
    assert replica.pid is not None
    return replica.pid


@pytest.mark.long
def test_an_update_keeps_what_did_not_change_and_ends_what_is_no_longer_served(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            old = endpoint.active["a"]
            pid = pid_of(old)
            w.supervisor.update(endpoint, read(serving("a", "b", shares=(40, 60)), 2))
            assert endpoint.is_ready
            await w.until(lambda: not endpoint.is_updating)
            assert endpoint.active["a"] is old
            assert pid_of(old) == pid

            new_pid = pid_of(endpoint.active["b"])
            await w.update(endpoint, serving("a", "b", shares=(0, 100)))
            assert (pid_of(endpoint.active["a"]), pid_of(endpoint.active["b"])) == (pid, new_pid)
            assert {w.supervisor.choose(endpoint) for _ in range(50)} == {endpoint.active["b"]}

            slow = asyncio.create_task(w.ask(old, "wait 1"))
            await w.until(lambda: old.in_flight == 1)
            await w.update(endpoint, serving("b"))
            assert is_running(pid)
            assert (await slow).status == 200
            await w.until(lambda: not is_running(pid))
            assert is_running(new_pid)

    run_async(scenario())


def test_a_failed_update_leaves_the_old_config_serving(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            config = serving("a", "c", "d", shares=(20, 40, 40))
            config["served_entities"][1]["entity_name"] = "dev.a.gone"

            await w.update(endpoint, config)

            record = endpoint.record
            assert record.config_update == "UPDATE_FAILED"
            assert endpoint.is_ready
            assert record.config is not None
            assert record.config.config_version == 1
            assert record.pending_config is not None
            states = record.pending_config.states
            assert states["c"].deployment == "DEPLOYMENT_FAILED"
            assert "dev.a.gone" in states["c"].deployment_state_message
            assert states["d"].deployment == "DEPLOYMENT_ABORTED"
            assert states["a"].deployment == "DEPLOYMENT_READY"
            failed = w.supervisor.newest(endpoint, "c")
            assert failed is not None
            assert "Build failed" in failed.build_log_path.read_text()
            assert (await w.ask(endpoint.active["a"], "well")).body == b'{"predictions": ["well"]}'

    run_async(scenario())


def test_a_first_deployment_that_crashes_is_failed_and_not_ready(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model) as w:
            w.faults.add(Fault(kind="model_crashes", endpoint="ep"))
            endpoint = w.create(serving("a"))
            await w.until(lambda: not endpoint.is_updating)

            assert endpoint.record.config_update == "UPDATE_FAILED"
            assert not endpoint.is_ready
            assert endpoint.record.config is None

    run_async(scenario())


@pytest.mark.long
def test_a_crashed_process_is_started_again(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            replica = endpoint.active["a"]
            pid = pid_of(replica)

            os.kill(pid, 9)
            await w.until(lambda: replica.state.deployment == "DEPLOYMENT_RECOVERING", timeout_s=3)
            assert not endpoint.is_ready
            await w.until(lambda: endpoint.is_ready)

            assert pid_of(replica) != pid
            assert (await w.ask(replica, "again")).status == 200

    run_async(scenario())


@pytest.mark.long
def test_an_idle_entity_scales_to_zero_and_comes_back_with_the_next_request(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model, EndpointSettings(idle_s=0.5)) as w:
            endpoint = await w.ready(serving("a", scale_to_zero_enabled=True))
            replica = endpoint.active["a"]
            pid = pid_of(replica)

            await w.until(lambda: replica.state.deployment_state_message == "Scaled to zero")
            await w.until(lambda: not is_running(pid))
            assert endpoint.is_ready
            meter = Meter(w.supervisor, w.http)
            asleep = await meter.export(endpoint)
            assert replica.state.deployment_state_message == "Scaled to zero"
            assert {entity: load.concurrency for entity, load in read_loads(asleep).items()} == {"a": 0}
            assert {entity: window.requests for entity, window in read_windows(asleep).items()} == {"a": 0}

            answers = await asyncio.gather(w.ask(replica, "one"), w.ask(replica, "two"))
            assert [answer.status for answer in answers] == [200, 200]
            assert replica.state.deployment_state_message == ""
            awake = await meter.export(endpoint)
            assert {entity: load.concurrency for entity, load in read_loads(awake).items()} == {"a": 4}

    run_async(scenario())


@pytest.mark.long
def test_endpoints_and_cut_off_updates_come_back_after_a_restart(tmp_path: Path, model: Path) -> None:
    async def first_life() -> int:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            w.supervisor.update(endpoint, read(serving("a", "b", shares=(50, 50)), 2))
            return pid_of(endpoint.active["a"])

    async def second_life() -> None:
        async with world(tmp_path, model) as w:
            (endpoint,) = w.supervisor
            assert endpoint.record.id == "a" * 32
            ready_at_once = endpoint.is_ready
            assert not ready_at_once
            await w.until(lambda: not endpoint.is_updating)
            assert endpoint.is_ready
            assert sorted(endpoint.active) == ["a", "b"]
            assert endpoint.record.config is not None
            assert endpoint.record.config.config_version == 2

    pid = run_async(first_life())
    assert not is_running(pid)
    run_async(second_life())


def test_removing_an_endpoint_ends_its_processes(tmp_path: Path, model: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            pid = pid_of(endpoint.active["a"])

            w.supervisor.remove(endpoint)

            assert w.supervisor.get("ep") is None
            assert list(w.records) == []
            await w.until(lambda: not is_running(pid))
            await w.until(lambda: not list((tmp_path / "logs").iterdir()))

    run_async(scenario())


def test_metrics_have_the_documented_names_and_count_the_last_minute(tmp_path: Path, model: Path) -> None:
    async def scenario() -> str:
        async with world(tmp_path, model) as w:
            endpoint = await w.ready(serving("a"))
            for mood in ("good", "good", "raise"):
                await w.ask(endpoint.active["a"], mood)
            return await Meter(w.supervisor, w.http).export(endpoint)

    lines = run_async(scenario()).splitlines()
    labels = '{endpoint_name="ep",served_model="a"}'
    assert f"request_count_total{labels} 3.0" in lines
    assert f"request_4xx_count_total{labels} 1.0" in lines
    assert f"request_5xx_count_total{labels} 0.0" in lines
    assert f"provisioned_concurrent_requests_total{labels} 4.0" in lines
    assert f"request_latency_ms_count{labels} 3.0" in lines
    memory = next(line for line in lines if line.startswith("mem_usage_percentage{"))
    assert 1 < float(memory.split()[-1]) < 100
    assert lines[-1] == "# EOF"


def test_the_split_of_traffic_follows_the_routes_and_a_seed_repeats_it(tmp_path: Path, model: Path) -> None:
    def draws(seed: int) -> list[str]:
        async def scenario() -> list[str]:
            async with world(tmp_path, model, EndpointSettings(traffic_seed=seed)) as w:
                config = read(serving("a", "b", shares=(90, 10)), 1)
                endpoint = Endpoint(new_record("split").model_copy(update={"config": config}))
                endpoint.active = {e.name: Replica("a" * 32, "split", e, w.workshop) for e in config.entities}
                chosen = [w.supervisor.choose(endpoint) for _ in range(1000)]
                return [replica.entity.name for replica in chosen if replica is not None]

        return run_async(scenario())

    first = draws(7)
    assert 860 <= first.count("a") <= 940
    assert first == draws(7)
    assert first != draws(8)
