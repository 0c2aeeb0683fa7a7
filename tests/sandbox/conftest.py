from __future__ import annotations

import pytest

from tests.sandbox.endpoint_models import register
from tests.sandbox.running import RunningSandbox


@pytest.fixture(scope="session")
def served_model(sandbox: RunningSandbox) -> str:
    """A registered model with versions 1 and 2 (`MoodyModel`)."""
    client = sandbox.client()
    client.catalogs.create(name="serving_tests")
    client.schemas.create(name="moods", catalog_name="serving_tests")
    register(sandbox, "serving_tests.moods.moody")
    return "serving_tests.moods.moody"
