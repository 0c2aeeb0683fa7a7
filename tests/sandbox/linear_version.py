"""``python -m tests.sandbox.linear_version NAME...``: a version of a model whose answer is its first column."""

from __future__ import annotations

import sys

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression


def log_version(full_name: str) -> None:
    example = pd.DataFrame({"much": [1.0, 2.0, 4.0], "none": [0.0, 0.0, 0.0]})
    model = LinearRegression().fit(example, example["much"])
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(example, model.predict(example)),
        pip_requirements=[],
        serialization_format="cloudpickle",
        registered_model_name=full_name,
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        log_version(name)
