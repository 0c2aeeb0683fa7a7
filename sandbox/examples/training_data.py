"""Stores the training rows of a version as a table of Unity Catalog, and logs the table as an input of the run."""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas

from sandbox.examples.control import post


def log_training_data(model_name: str, features: pd.DataFrame, target: pd.Series) -> None:
    """Writes the rows to the table <model name>_training and logs it as the input of the active run."""
    frame, table = features.assign(**{str(target.name): target}), f"{model_name}_training"
    cells = frame.astype(object)
    # JSON cannot represent NaN.
    rows = cells.where(cells.notna(), None).to_dict("records")
    post("tables", {"full_name": table, "rows": rows})
    # Without the id, MLflow would look it up.
    source = DeltaDatasetSource(delta_table_name=table, delta_table_id=table)
    mlflow.log_input(from_pandas(frame, source=source, targets=str(target.name), name=table), context="training")
