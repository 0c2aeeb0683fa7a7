"""The datasets that an MLflow run logged with ``mlflow.log_input``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.databricks import mlmodel
from integrations.databricks.decoding import key_values, mapping, rows
from integrations.databricks.records import Dataset

CONTEXT_TAG = "mlflow.data.context"
# Keys of table names in MLflow's dataset sources: delta_table (mlflow.data.delta_dataset_source) and spark.
TABLE_KEYS = ("delta_table_name", "table_name")
TABLE_NAME = re.compile(r"[^.\s/`\x00]{1,255}(\.[^.\s/`\x00]{1,255}){2}")
MAX_DATASETS = 50


def datasets(inputs: Any) -> tuple[Dataset, ...]:
    """Decode the ``inputs`` of an MLflow run (RunInputs of its REST API). Entries that are not datasets are omitted."""
    found = [_dataset(row) for row in rows(mapping(inputs).get("dataset_inputs"))[:MAX_DATASETS]]
    return tuple(one for one in found if one.name or one.table)


def _dataset(row: Mapping[str, Any]) -> Dataset:
    told = mapping(row.get("dataset"))
    source = mlmodel.json_value(told.get("source"))
    table, version = _table(mapping(source))
    return Dataset(
        name=str(told.get("name") or ""),
        digest=str(told.get("digest") or ""),
        context=key_values(row.get("tags")).get(CONTEXT_TAG, ""),
        source_type=str(told.get("source_type") or ""),
        table=table,
        table_version=version,
    )


def _table(source: Mapping[str, Any]) -> tuple[str, int | None]:
    """(full name in Unity Catalog, Delta version that was read); ("", None) for other sources."""
    named = (source.get(key) for key in TABLE_KEYS)
    table = next((name for name in named if isinstance(name, str) and TABLE_NAME.fullmatch(name)), "")
    version = source.get("delta_table_version")
    is_version = table and isinstance(version, int) and not isinstance(version, bool) and version >= 0
    return table, version if is_version else None
