"""A data scientist at work: logs, registers, loads and aliases models with MLflow, in a process of its own.

MLflow keeps its URIs and credentials for a whole process. Arguments: `plain` or `databricks`, and a model's full name;
prints what was seen as one line of JSON.
"""

from __future__ import annotations

import json
import sys

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from mlflow.pyfunc.model import PythonModel


class Doubler(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input * 2


def log_version(full_name: str) -> dict[str, object]:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.9)
        mlflow.log_text("hello", "notes/a b.txt")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=Doubler(),
            pip_requirements=["mlflow"],
            signature=infer_signature(frame, frame),
            registered_model_name=full_name,
        )
    notes = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a b.txt")
    return {
        "run_id": run.info.run_id,
        "artifact_uri": run.info.artifact_uri,
        "version": str(info.registered_model_version),
        "notes": notes,
    }


def use_version(full_name: str, version: str) -> dict[str, object]:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(full_name, "champion", version)
    client.set_model_version_tag(full_name, version, "stage", "candidate")
    found = client.get_model_version_by_alias(full_name, "champion")
    loaded = mlflow.pyfunc.load_model(f"models:/{full_name}@champion")
    return {
        "status": found.status,
        "tags": found.tags,
        "found": [item.version for item in client.search_model_versions(f"name='{full_name}'")],
        "models": [item.name for item in client.search_registered_models()],
        "prediction": loaded.predict(pd.DataFrame({"a": [21.0]}))["a"].tolist(),
    }


def main() -> None:
    kind, full_name = sys.argv[1:]
    if kind == "databricks":
        mlflow.set_tracking_uri("databricks")
        mlflow.set_registry_uri("databricks-uc")
    mlflow.set_experiment(f"/{kind}/{full_name}")
    logged = log_version(full_name)
    print(json.dumps(logged | use_version(full_name, str(logged["version"]))))


if __name__ == "__main__":
    main()
