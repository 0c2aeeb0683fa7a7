"""Predictions of a version for the rows of its baseline, and the permutation importance of each feature.

Sent to the workspace with job.py, where the version is loaded with its own requirements. Importance needs no labels:
one column of the baseline's rows is shuffled and the model predicts again. The importance is the mean absolute change
of the predictions, or the share of rows whose prediction changes if predictions are not numbers, divided by that of
the feature with the largest change. It ranges from 0 (never changes a prediction) to 1. The method is the model
reliance of Fisher, Rudin and Dominici (2019, JMLR 20:177), with the model's own predictions in place of labels.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from sketches.payloads import compared_answer, is_number

MAX_ROWS, MAX_COLUMNS = 300, 200
#: Rows that the version predicts to get the distribution of its predictions.
MAX_PREDICTED = 5_000
FEWEST_ROWS = 30
SEED = 7
REASON_CHARS = 300
#: pandas dtypes of MLflow's column types. A column with nulls keeps its dtype.
KINDS = {"double": "float64", "float": "float32", "integer": "int32", "long": "int64", "boolean": "bool"}
Predict = Callable[[Any], Any]


def measured(table: pa.Table, columns: Mapping[str, str], load: Callable[[], Predict]) -> dict[str, Any]:
    """{"importance": {feature: 0 to 1} or None, "note": why it is None}. Never raises for a model."""
    names = [name for name in columns if name in table.column_names]
    if not names:
        return _unknown("the signature of the version does not name its columns")
    if len(names) > MAX_COLUMNS:
        return _unknown(f"the version has more than {MAX_COLUMNS} input columns")
    if table.num_rows < FEWEST_ROWS:
        return _unknown(f"{table.num_rows} rows are too few; at least {FEWEST_ROWS} are needed")
    try:
        found = permutation_importance(_frame(table, names, columns, MAX_ROWS), load())
    except Exception as error:
        traceback.print_exception(error)
        return _unknown(_not_asked(error))
    return {"importance": found, "note": ""}


def predicted(table: pa.Table, columns: Mapping[str, str], load: Callable[[], Predict]) -> tuple[list[Any] | None, str]:
    """(predictions of the version for some rows of ``table``, ""), or (None, reason). Never raises."""
    names = [name for name in columns if name in table.column_names]
    if len(names) < len(columns) or not names:
        return None, "the table lacks some input columns of the version"
    try:
        return answers(load()(_frame(table, names, columns, MAX_PREDICTED))), ""
    except Exception as error:
        traceback.print_exception(error)
        return None, _not_asked(error)


def _not_asked(error: Exception) -> str:
    return f"the version could not predict: {type(error).__name__}: {str(error)[:REASON_CHARS]}"


def _unknown(note: str) -> dict[str, Any]:
    return {"importance": None, "note": note}


def permutation_importance(frame: Any, predict: Predict) -> dict[str, float]:
    """{feature: 0 to 1}. ``frame`` is a pandas DataFrame. Errors of the model propagate."""
    random = np.random.default_rng(SEED)
    before = answers(predict(frame))
    changes = {}
    for name in frame.columns:
        shuffled = frame.copy()
        shuffled[name] = frame[name].to_numpy()[random.permutation(len(frame))]
        changes[str(name)] = change(before, answers(predict(shuffled)))
    largest = max(changes.values(), default=0.0)
    return {name: round(value / largest, 6) if largest else 0.0 for name, value in changes.items()}


def answers(output: Any) -> list[Any]:
    """One comparable value for each row. ``output`` is any return value of a pyfunc's ``predict``."""
    if hasattr(output, "to_dict") and hasattr(output, "columns"):
        return [compared_answer(row) for row in output.to_dict("records")]
    rows = output.tolist() if hasattr(output, "tolist") else list(output)
    return [compared_answer(row) for row in rows]


def change(before: list[Any], after: list[Any]) -> float:
    """The mean absolute difference if all values are finite numbers, else the share of values that differ."""
    pairs = list(zip(before, after, strict=True))
    if all(is_number(value) and math.isfinite(value) for pair in pairs for value in pair):
        return math.fsum(abs(one - other) for one, other in pairs) / len(pairs)
    return sum(bool(one != other) for one, other in pairs) / len(pairs)


def _frame(table: pa.Table, names: list[str], columns: Mapping[str, str], most: int) -> Any:
    """At most ``most`` rows, evenly spaced in ``table``, with the dtypes of the version's signature."""
    step = max(1, table.num_rows // most)
    chosen = table.select(names).take(pa.array(range(0, table.num_rows, step)[:most]))
    frame = chosen.to_pandas()
    for name in names:
        kind = KINDS.get(columns[name])
        if kind and not frame[name].isna().any():
            frame[name] = frame[name].astype(kind)
    return frame


def loaded(uri: str) -> Predict:
    """The ``predict`` of the version at ``uri``, such as models:/catalog.schema.name/3."""
    import mlflow
    import mlflow.pyfunc

    mlflow.set_registry_uri("databricks-uc")
    predict: Predict = mlflow.pyfunc.load_model(uri).predict
    return predict
