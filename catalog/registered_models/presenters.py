"""Data for the pages of the catalog, computed from rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.registered_models.models import ModelVersion, ModelVersionStatus

STATUS_TONES = {
    ModelVersionStatus.READY: "ok",
    ModelVersionStatus.PENDING: "busy",
    ModelVersionStatus.FAILED: "bad",
    ModelVersionStatus.UNKNOWN: "unknown",
}
COMPARED_VERSIONS = 5


@dataclass(frozen=True)
class Column:
    """One row of a signature table."""

    part: str
    name: str
    type: str
    required: str


def status_tone(version: ModelVersion) -> str:
    """The tone of the version's status."""
    return STATUS_TONES.get(ModelVersionStatus(version.status), "unknown")


def signature_columns(signature: Mapping[str, Any]) -> list[Column]:
    """The inputs, outputs and params of an MLflow signature, in the order of the model."""
    return [
        _column(label, position, item)
        for part, label in (("inputs", "Input"), ("outputs", "Output"), ("params", "Parameter"))
        for position, item in enumerate(signature.get(part) or [], start=1)
        if isinstance(item, Mapping)
    ]


def _column(part: str, position: int, item: Mapping[str, Any]) -> Column:
    required = item.get("required")
    if part == "Parameter":
        shown = f"default {json.dumps(item.get('default'))}"
    else:
        shown = {True: "required", False: "optional"}.get(required, "") if isinstance(required, bool) else ""
    return Column(part, str(item.get("name") or f"{position}"), _type_of(item), shown)


def _type_of(item: Mapping[str, Any]) -> str:
    """The type as text, for example "double", "tensor float32 (-1, 4)", "array of string" or "object"."""
    tensor = item.get("tensor-spec")
    if isinstance(tensor, Mapping):
        shape = ", ".join(str(size) for size in tensor.get("shape") or [])
        return f"tensor {tensor.get('dtype', '')} ({shape})"
    inner = item.get("items")
    if item.get("type") == "array" and isinstance(inner, Mapping):
        return f"array of {_type_of(inner)}"
    return str(item.get("type") or "")


@dataclass(frozen=True)
class MetricRow:
    """One metric of the compared versions. A value is None if the version has no such metric."""

    name: str
    values: list[float | None]


def compared_metrics(versions: Iterable[ModelVersion]) -> list[MetricRow]:
    """One row per metric, sorted by name, with values in the order of ``versions``."""
    columns = list(versions)
    names = sorted({name for version in columns for name in version.metrics})
    return [MetricRow(name, [version.metrics.get(name) for version in columns]) for name in names]
