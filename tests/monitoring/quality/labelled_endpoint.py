"""An endpoint with labels, for tests of quality."""

from __future__ import annotations

import pytest

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import give_table


@pytest.fixture
def deployment(model_version: ModelVersion, deployer: User) -> Deployment:
    made = make_deployment(model_version, deployer, "card-fraud")
    give_table(made)
    return made
