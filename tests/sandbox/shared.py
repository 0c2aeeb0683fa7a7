"""A pytest plugin: one workspace for all tests that ask it something, on one worker of xdist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.running import RunningSandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """Each test uses names of its own in it."""
    running = RunningSandbox(tmp_path_factory.mktemp("sandbox"))
    yield running
    running.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "sandbox" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("sandbox"))
