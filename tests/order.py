"""A pytest plugin: tests that share a costly fixture, and so one worker, come first.

Single tests then fill both workers to the end; a group that came last would keep one worker busy alone.
"""

from __future__ import annotations

import pytest

# The longest first.
FIRST = ("product", "sandbox", "terraform", "tables_sandbox", "browser")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place)


def place(item: pytest.Item) -> int:
    """Stable: within a place the random order stays."""
    marker = item.get_closest_marker("xdist_group")
    if marker is None:
        return len(FIRST) + 1
    return FIRST.index(marker.args[0]) if marker.args[0] in FIRST else len(FIRST)
