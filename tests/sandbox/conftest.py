from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.endpoint_models import register
from tests.sandbox.running import RunningSandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """One workspace for all tests of this process; each test uses names of its own in it."""
    running = RunningSandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def served_model(sandbox: RunningSandbox) -> str:
    """A registered model with versions 1 and 2 (`MoodyModel`)."""
    client = sandbox.client()
    client.catalogs.create(name="serving_tests")
    client.schemas.create(name="moods", catalog_name="serving_tests")
    register(sandbox, "serving_tests.moods.moody")
    return "serving_tests.moods.moody"
