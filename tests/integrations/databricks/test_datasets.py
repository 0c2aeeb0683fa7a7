"""What the run of a version says it was trained on, and what the model says of its features."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
import yaml
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas

from integrations.databricks import mlmodel
from integrations.databricks.datasets import datasets
from integrations.databricks.records import Dataset


def noted(source: Any, **values: Any) -> dict[str, Any]:
    told = {"name": "loans", "digest": "9a1f", "source_type": "delta_table", "source": source, **values}
    return {"dataset_inputs": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": told}]}


def test_a_table_that_mlflow_wrote_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    # Asked for a session, PySpark takes a worker of pytest-xdist for a doctest and stops.
    monkeypatch.setattr("mlflow.data.delta_dataset_source._get_active_spark_session", lambda: None)
    source = DeltaDatasetSource(delta_table_name="ml.fraud.loans", delta_table_version=4, delta_table_id="7f")
    written = from_pandas(pd.DataFrame({"a": [1.0]}), source=source, name="loans").to_dict()
    found = datasets(noted(written["source"], digest=written["digest"], source_type=written["source_type"]))
    assert found == (Dataset("loans", written["digest"], "training", "delta_table", "ml.fraud.loans", 4),)


def test_data_of_elsewhere_is_named_and_is_no_table() -> None:
    found = datasets(noted(json.dumps({"uri": "s3://bucket/loans.csv"}), source_type="s3"))
    assert [(one.name, one.source_type, one.table) for one in found] == [("loans", "s3", "")]


@pytest.mark.parametrize(
    "name", ["loans", "a.b", "a.b.c.d", "a.b.`c`", "a.b.c; DROP TABLE x", "/Volumes/a/b/c", None, 7, ["a.b.c"]]
)
def test_what_is_no_full_name_of_a_table_is_not_asked_for(name: Any) -> None:
    assert [one.table for one in datasets(noted(json.dumps({"table_name": name})))] == [""]


@pytest.mark.parametrize("version", ["4", True, -1, 1.5, None])
def test_a_version_that_is_none_is_left_out(version: Any) -> None:
    source = json.dumps({"delta_table_name": "a.b.c", "delta_table_version": version})
    assert [(one.table, one.table_version) for one in datasets(noted(source))] == [("a.b.c", None)]


@pytest.mark.parametrize(
    "inputs",
    [None, [], "x", {"dataset_inputs": None}, {"dataset_inputs": [None, 3, {}, {"dataset": "x"}]}, noted("{", name="")],
)
def test_what_is_no_dataset_is_left_out(inputs: Any) -> None:
    assert datasets(inputs) == ()


def importance(told: Any) -> Any:
    return mlmodel.parse(yaml.safe_dump({"metadata": {"feature_importance": told}}).encode()).feature_importance


def test_importance_is_told_as_shares_of_the_largest() -> None:
    assert importance({"amount": 30, "age": 7.5, "country": 0}) == {"amount": 1.0, "age": 0.25, "country": 0.0}


@pytest.mark.parametrize(
    "told", [None, {}, [1, 2], "x", {"a": 0}, {"a": -1, "b": 1}, {"a": "1"}, {"a": float("nan"), "b": 1}, {"a": True}]
)
def test_importance_that_is_none_is_not_known(told: Any) -> None:
    assert importance(told) is None
