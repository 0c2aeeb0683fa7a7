"""The rows that a version is trained on, as a table of Unity Catalog that its run names."""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas

from sandbox.examples.control import post


def log_training_data(model_name: str, features: pd.DataFrame, target: pd.Series) -> None:
    """Keep the rows as the table <model name>_training, and note at the active run that it was trained on that."""
    frame, table = features.assign(**{str(target.name): target}), f"{model_name}_training"
    cells = frame.astype(object)
    # JSON has no NaN.
    rows = cells.where(cells.notna(), None).to_dict("records")
    post("tables", {"full_name": table, "rows": rows})
    # An id that is not told would be looked up.
    source = DeltaDatasetSource(delta_table_name=table, delta_table_id=table)
    mlflow.log_input(from_pandas(frame, source=source, targets=str(target.name), name=table), context="training")
