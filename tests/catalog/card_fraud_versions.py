"""``python -m tests.catalog.card_fraud_versions NAME``: logs two versions, the first is the champion."""

from __future__ import annotations

import sys

import mlflow
import pandas as pd
from sklearn.linear_model import LogisticRegression

FRAME = pd.DataFrame({"amount": [1.0, 2.0, 90.0, 95.0], "country": [0.0, 1.0, 0.0, 1.0]})


def log_version(full_name: str, auc: float) -> None:
    with mlflow.start_run():
        mlflow.log_params({"solver": "lbfgs"})
        mlflow.log_metrics({"auc": auc})
        mlflow.sklearn.log_model(
            LogisticRegression().fit(FRAME, [0, 0, 1, 1]),
            name="model",
            input_example=FRAME.head(2),
            pip_requirements=["scikit-learn"],
            registered_model_name=full_name,
        )


def describe(full_name: str) -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(full_name, "champion", "1")
    client.set_registered_model_tag(full_name, "risk", "high")


if __name__ == "__main__":
    log_version(sys.argv[1], 0.8)
    log_version(sys.argv[1], 0.9)
    describe(sys.argv[1])
