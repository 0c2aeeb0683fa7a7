"""``python -m tests.deployments.validated_versions NAME``: version 1, the champion, takes its example, 2 raises on it.

In a process of its own, because MLflow keeps its URIs and credentials for a whole process.
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from mlflow.pyfunc.model import PythonModel

FRAME = pd.DataFrame({"a": [1.0, 2.0]})


class Doubler(PythonModel):
    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        if (model_input["a"] < 0).any():
            raise ValueError("amounts are never negative")
        return model_input * 2


def log_version(full_name: str, example: pd.DataFrame, auc: float) -> None:
    with mlflow.start_run():
        mlflow.log_metrics({"auc": auc})
        mlflow.pyfunc.log_model(
            name="model",
            python_model=Doubler(),
            pip_requirements=["mlflow"],
            signature=infer_signature(FRAME, FRAME),
            input_example=example,
            registered_model_name=full_name,
        )


if __name__ == "__main__":
    log_version(sys.argv[1], FRAME, 0.9)
    log_version(sys.argv[1], -FRAME, 0.8)
    mlflow.MlflowClient().set_registered_model_alias(sys.argv[1], "champion", "1")
