"""What every fault needs: where the workspace's log of requests stood before it."""

from __future__ import annotations

import pytest

from tests.faults.cases import Case
from tests.product import Product


@pytest.fixture
def case(product: Product, request: pytest.FixtureRequest) -> Case:
    """A deployment of its own for the test, not asked for yet."""
    return Case.of(product, request.node.name)
