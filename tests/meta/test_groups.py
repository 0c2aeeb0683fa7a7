"""What shares a costly fixture stays on one worker: xdist has lost its groups before, without a word."""

import os

import pytest


@pytest.mark.xdist_group("alone")
def test_a_worker_knows_the_group_of_a_test(request: pytest.FixtureRequest) -> None:
    assert request.node.nodeid.endswith("@alone") == ("PYTEST_XDIST_WORKER" in os.environ)
