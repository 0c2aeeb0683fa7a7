from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.lifecycle import Phase
from serving.settings import ServingSettings
from tests.serving import saved_models
from tests.serving.moody_model import save_moody_model
from tests.waiting import wait_until


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_models.save_classifier(tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="session")
def frame_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_models.save_frame_model(tmp_path_factory.mktemp("models") / "frame")


@pytest.fixture(scope="session")
def tensor_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_models.save_tensor_model(tmp_path_factory.mktemp("models") / "tensor")


@pytest.fixture(scope="session")
def moody_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_moody_model(tmp_path_factory.mktemp("models") / "moody")


@pytest.fixture
def serve() -> Iterator[Callable[..., TestClient]]:
    """Start the app on a model and wait until its loader is done; keyword arguments are settings."""
    clients: list[TestClient] = []

    def start(path: Path, **settings: Any) -> TestClient:
        app = create_app(ServingSettings(model_path=path, name="entity-1", **settings))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        wait_until(lambda: app.state.runtime.lifecycle.phase is not Phase.LOADING, 60)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)
