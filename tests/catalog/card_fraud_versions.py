"""``python -m tests.catalog.card_fraud_versions NAME``: logs two versions, the first is the champion."""

from __future__ import annotations

import sys

import mlflow
import pandas as pd
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from sklearn.linear_model import LogisticRegression

TRAINED_ON = "catalog_tests.fraud.history"
FRAME = pd.DataFrame({"amount": [1.0, 2.0, 90.0, 95.0], "country": [0.0, 1.0, 0.0, 1.0]})


def log_version(full_name: str, auc: float) -> None:
    with mlflow.start_run():
        mlflow.log_params({"solver": "lbfgs"})
        mlflow.log_metrics({"auc": auc})
        source = DeltaDatasetSource(delta_table_name=TRAINED_ON, delta_table_version=2, delta_table_id="7f")
        mlflow.log_input(from_pandas(FRAME, source=source, name="frauds"), context="training")
        mlflow.sklearn.log_model(
            LogisticRegression().fit(FRAME, [0, 0, 1, 1]),
            name="model",
            input_example=FRAME.head(2),
            pip_requirements=["scikit-learn"],
            registered_model_name=full_name,
            metadata={"feature_importance": {"amount": 8.0, "country": 2.0}},
        )


def describe(full_name: str) -> None:
    client = mlflow.MlflowClient()
    client.set_registered_model_alias(full_name, "champion", "1")
    client.set_registered_model_tag(full_name, "risk", "high")


if __name__ == "__main__":
    log_version(sys.argv[1], 0.8)
    log_version(sys.argv[1], 0.9)
    describe(sys.argv[1])
