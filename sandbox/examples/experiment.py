"""One MLflow run in the experiment of a team. Thread-safe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlflow
from mlflow import ActiveRun, MlflowClient
from mlflow.exceptions import MlflowException


@contextmanager
def training_run(
    model_name: str, run_name: str, tags: Mapping[str, str], params: Mapping[str, Any]
) -> Iterator[ActiveRun]:
    """Starts a run for the registered model catalog.schema.name in the experiment /<schema>/<name>."""
    _, schema, name = model_name.split(".")
    experiment_id = _experiment_id(f"/{schema}/{name}")
    with mlflow.start_run(experiment_id=experiment_id, run_name=run_name, tags=dict(tags)) as run:
        mlflow.log_params(dict(params))
        yield run


def _experiment_id(name: str) -> str:
    client = MlflowClient()
    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name))
    except MlflowException:
        # Another training program created it meanwhile. Any other error is raised again here.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def registered_version(model_info: Any) -> int:
    """The version that log_model(registered_model_name=...) created."""
    return int(model_info.registered_model_version)


def describe(model_name: str, version: int, description: str, tags: Mapping[str, str]) -> None:
    """Sets the description of the model, and the tags of this version."""
    client = MlflowClient()
    client.update_registered_model(model_name, description=description)
    for key, value in tags.items():
        client.set_model_version_tag(model_name, str(version), key, value)
