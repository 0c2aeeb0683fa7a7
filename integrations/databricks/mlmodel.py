"""Parsers for the files of an MLflow model: MLmodel, input example, requirements.txt."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from integrations.databricks.decoding import mapping, rows

# MLflow has no field for feature importance, so it is read from the model's metadata.
IMPORTANCE_KEY = "feature_importance"


@dataclass(frozen=True)
class MLmodel:
    """The content of an MLmodel file. Missing values are empty."""

    signature: Mapping[str, Any] = field(default_factory=dict)
    flavors: tuple[str, ...] = ()
    run_id: str = ""
    size_bytes: int | None = None
    example_path: str = ""
    #: MLflow's type: dataframe, ndarray, json_object, sparse_matrix_csc or sparse_matrix_csr.
    example_type: str = ""
    pandas_orient: str = ""
    #: {feature: 0 to 1}; None if no importance was logged.
    feature_importance: Mapping[str, float] | None = None


def parse(content: bytes | None) -> MLmodel:
    """Parse an MLmodel file. The result is empty if the file is missing or not a YAML mapping."""
    try:
        document = mapping(yaml.safe_load(content or b""))
    except (yaml.YAMLError, UnicodeDecodeError):
        return MLmodel()
    example = mapping(document.get("saved_input_example_info"))
    size = document.get("model_size_bytes")
    return MLmodel(
        signature=_signature(mapping(document.get("signature"))),
        flavors=tuple(sorted(str(name) for name in mapping(document.get("flavors")))),
        run_id=str(document.get("run_id") or ""),
        size_bytes=size if isinstance(size, int) and size >= 0 else None,
        example_path=_file_name(example.get("artifact_path")),
        example_type=str(example.get("type") or ""),
        pandas_orient=str(example.get("pandas_orient") or ""),
        feature_importance=_importance(mapping(document.get("metadata")).get(IMPORTANCE_KEY)),
    )


def _importance(told: Any) -> dict[str, float] | None:
    """Values of ``log_model(metadata={"feature_importance": {...}})`` divided by the largest; None if not valid.

    They are normalized because each library has its own unit (gain, splits, mean absolute SHAP values).
    """
    values = {
        str(name): value
        for name, value in mapping(told).items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
    }
    largest = max(values.values(), default=0)
    if not largest or len(values) != len(mapping(told)):
        return None
    return {name: round(value / largest, 6) for name, value in values.items()}


def _file_name(value: Any) -> str:
    """The artifact's path; "" if it is empty or outside of the model's directory."""
    name = str(value or "")
    return "" if name.startswith("/") or ".." in name.split("/") else name


def _signature(signature: Mapping[str, Any]) -> dict[str, Any]:
    """Decode inputs, outputs and params, which MLmodel stores as JSON texts inside the YAML."""
    decoded = {}
    for part in ("inputs", "outputs", "params"):
        columns = json_value(signature.get(part))
        if isinstance(columns, list):
            decoded[part] = columns
    return decoded


def json_value(content: bytes | str | None) -> Any:
    """Decode JSON; None if it is not valid. NaN and Infinity become None: JSON has no such values."""
    if not isinstance(content, bytes | str) or not content:
        return None
    try:
        return json.loads(content, parse_constant=lambda _: None)
    except ValueError:
        return None


def json_object(content: bytes | None) -> Mapping[str, Any] | None:
    value = json_value(content)
    return value if isinstance(value, Mapping) else None


def invocation_body(content: bytes | None, described: MLmodel) -> Mapping[str, Any] | None:
    """The invocation body for a plain input example, as logged before serving_input_example.json existed.

    None for sparse matrices, which cannot be sent as JSON.
    """
    example = json_value(content)
    if example is None or described.example_type.startswith("sparse"):
        return None
    if described.example_type == "dataframe":
        key = "dataframe_records" if described.pandas_orient == "records" else "dataframe_split"
        return {key: example}
    if isinstance(example, Mapping) and ({"inputs", "instances", "dataframe_split"} & example.keys()):
        return example
    return {"inputs": example}


def requirements(content: bytes | None) -> tuple[str, ...]:
    """The lines of a requirements.txt, without comments and empty lines."""
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))


def metrics(value: Any) -> dict[str, float]:
    """Convert [{"key", "value"}] of a run to {key: number}, without NaN and infinities, which JSON cannot represent."""
    found: dict[str, float] = {}
    for row in rows(value):
        try:
            number = float(row.get("value", "nan"))
        except (TypeError, ValueError):
            continue
        if math.isfinite(number) and row.get("key"):
            found[str(row["key"])] = number
    return found
