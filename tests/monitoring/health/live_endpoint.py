"""A live endpoint for tests of health."""

from __future__ import annotations

import pytest

from deployments.models import Deployment


@pytest.fixture
def live(deployment: Deployment) -> Deployment:
    deployment.ready = "READY"
    deployment.served = [{"name": "card_fraud-3", "entity_version": "3", "traffic": 100}]
    deployment.save()
    return deployment
