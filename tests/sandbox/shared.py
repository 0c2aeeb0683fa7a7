"""A pytest plugin: one workspace for all tests that ask it something, and one for those that write its system tables.

The tests of each stay on one worker of xdist.
"""

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


@pytest.fixture(scope="session")
def tables_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """Each module writes the system tables that it reads: nothing else changes them here."""
    running = RunningSandbox(tmp_path_factory.mktemp("tables"))
    yield running
    running.stop()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        names = getattr(item, "fixturenames", ())
        group = next((name for name in ("tables_sandbox", "sandbox") if name in names), "")
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
