"""The files that MLflow puts beside a model: MLmodel, its input example, requirements.txt."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from integrations.databricks.decoding import mapping, rows

# There is no field of MLflow's own for it; metadata is what MLflow offers for more.
IMPORTANCE_KEY = "feature_importance"


@dataclass(frozen=True)
class MLmodel:
    """``example_type`` is MLflow's word: dataframe, ndarray, json_object, sparse_matrix_csc or _csr.

    ``feature_importance`` is {feature: 0 to 1}, None without any.
    """

    signature: Mapping[str, Any] = field(default_factory=dict)
    flavors: tuple[str, ...] = ()
    run_id: str = ""
    size_bytes: int | None = None
    example_path: str = ""
    example_type: str = ""
    pandas_orient: str = ""
    feature_importance: Mapping[str, float] | None = None


def parse(content: bytes | None) -> MLmodel:
    """An MLmodel file; one that is missing or is no YAML mapping says nothing."""
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
    """What ``log_model(metadata={"feature_importance": {...}})`` kept, as shares of the largest. None if it is no such.

    The unit is the library's own (gain, splits, mean absolute SHAP values), so only the order and ratios count.
    """
    values = {str(name): value for name, value in mapping(told).items() if _is_finite(value) and value >= 0}
    largest = max(values.values(), default=0)
    if not largest or len(values) != len(mapping(told)):
        return None
    return {name: round(value / largest, 6) for name, value in values.items()}


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _file_name(value: Any) -> str:
    """The artifact's name, if it is a plain one inside the model's own directory."""
    name = str(value or "")
    return "" if name.startswith("/") or ".." in name.split("/") else name


def _signature(signature: Mapping[str, Any]) -> dict[str, Any]:
    """MLmodel keeps inputs, outputs and params as JSON texts inside the YAML."""
    decoded = {}
    for part in ("inputs", "outputs", "params"):
        columns = json_value(signature.get(part))
        if isinstance(columns, list):
            decoded[part] = columns
    return decoded


def json_value(content: bytes | str | None) -> Any:
    """Decoded JSON; None for what is no JSON, with NaN and Infinity as null (they are no JSON either)."""
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
    """The body of an invocation made from a plain input example (before serving_input_example.json existed).

    Sparse matrices have no such body: None.
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
    """The requirement lines of a requirements.txt, without comments."""
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))


def metrics(value: Any) -> dict[str, float]:
    """[{"key", "value"}] of a run to {key: number}, without NaN and infinities, which JSON cannot hold."""
    found: dict[str, float] = {}
    for row in rows(value):
        try:
            number = float(row.get("value", "nan"))
        except (TypeError, ValueError):
            continue
        if math.isfinite(number) and row.get("key"):
            found[str(row["key"])] = number
    return found
