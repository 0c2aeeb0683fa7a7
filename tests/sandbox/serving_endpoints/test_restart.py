"""What is left of endpoints and their processes when the sandbox itself ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from databricks.sdk.service.serving import EndpointCoreConfigInput, EndpointStateReady, ServedEntityInput

from tests.processes import is_running
from tests.sandbox.endpoint_models import register
from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("serving_endpoints")]
MODEL = "restart_tests.moods.moody"


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    running = RunningSandbox(tmp_path)
    yield running
    running.stop()


def served_pids(model_dir: Path) -> list[int]:
    """Processes of `python -m serving` whose model lies in this sandbox."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serving" in arguments and any(str(model_dir).encode() in argument for argument in arguments):
            pids.append(int(path.parent.name))
    return pids


def test_endpoints_come_back_and_no_process_is_left_behind(own_sandbox: RunningSandbox) -> None:
    register(own_sandbox, MODEL)
    api = own_sandbox.client().serving_endpoints
    entity = ServedEntityInput(
        entity_name=MODEL, entity_version="1", workload_size="Small", scale_to_zero_enabled=False
    )
    config = EndpointCoreConfigInput(name="ep", served_entities=[entity])
    before = api.create_and_wait("ep", config=config, timeout=timedelta(seconds=90))
    (first_pid,) = served_pids(own_sandbox.var_dir)

    own_sandbox.restart(signal.SIGKILL)
    wait_until(lambda: not is_running(first_pid), 5)
    own_sandbox_is_ready(own_sandbox)

    after = own_sandbox.client().serving_endpoints.get("ep")
    assert (after.id, after.creation_timestamp) == (before.id, before.creation_timestamp)
    assert after.config is not None
    assert before.config is not None
    assert after.config.config_version == before.config.config_version
    answer = own_sandbox.client().serving_endpoints.query("ep", dataframe_records=[{"mood": "back"}])
    assert answer.predictions == ["back"]
    (second_pid,) = served_pids(own_sandbox.var_dir)
    assert own_sandbox.stop() in (0, -signal.SIGTERM)
    assert not is_running(second_pid)


def own_sandbox_is_ready(sandbox: RunningSandbox) -> None:
    api = sandbox.client().serving_endpoints

    def ready() -> bool:
        state = api.get("ep").state
        return state is not None and state.ready is EndpointStateReady.READY

    wait_until(ready, 60)
