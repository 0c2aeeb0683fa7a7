"""A spec as readable text, and the differences between two specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.deployment.specs import DeploymentSpec, Rollout

# Provisioned concurrency of each workload size. Source: Databricks, "Create custom model serving endpoints".
CONCURRENCY = {"Small": "4", "Medium": "8\N{EN DASH}16", "Large": "16\N{EN DASH}64"}
SIZE_TEXTS = {size: f"{count} concurrent requests" for size, count in CONCURRENCY.items()}
STRATEGY_TEXTS = {
    "all_at_once": "The new version gets all traffic once it is ready. The current version serves until then.",
    "canary": "The new version gets a growing share of the traffic. Each step is compared with the current version.",
    "blue_green": "All traffic moves in one step after the new version passes its smoke test. The old one stays ready.",
    "shadow": "The new version gets no traffic. Both versions answer copies of requests, then you decide.",
}
STRATEGY_NAMES = {"all_at_once": "All at once", "canary": "Canary", "blue_green": "Blue/green", "shadow": "Shadow"}
NONE = "None"


@dataclass(frozen=True)
class Section:
    """A part of the review: the wizard step that edits it, and pairs of (label, value)."""

    step: str
    title: str
    items: list[tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """One field that differs. A missing value is ""."""

    name: str
    before: str
    after: str


def size_text(spec: DeploymentSpec) -> str:
    return f"{spec.compute.workload_size}: {SIZE_TEXTS[spec.compute.workload_size]}"


def idle_text(spec: DeploymentSpec) -> str:
    return "Yes, with a cold start after an idle period" if spec.compute.scale_to_zero else "No, always on"


def sections(spec: DeploymentSpec) -> list[Section]:
    """The whole spec, section by section in the order of the wizard."""
    compute, monitoring = spec.compute, spec.monitoring
    return [
        Section(
            "model",
            "Model",
            [("Model", spec.model), ("Version", spec.version), ("Environment", spec.environment)],
        ),
        Section(
            "target",
            "Target",
            [
                ("Endpoint name", spec.name),
                ("Hardware", compute.workload_type),
                ("Size", size_text(spec)),
                ("Scale to zero", idle_text(spec)),
                ("Environment variables", pairs_text(spec.env_vars)),
                ("Tags", pairs_text(spec.tags)),
            ],
        ),
        Section("rollout", "Rollout", _rollout_items(spec.rollout)),
        Section(
            "monitoring",
            "Monitoring",
            [
                ("Inference table", "On" if monitoring.inference_table else "Off"),
                ("Drift", f"{monitoring.drift_metric} above {monitoring.drift_threshold:g}"),
                ("Critical features", ", ".join(monitoring.critical) or NONE),
                ("Excluded features", ", ".join(monitoring.exclude) or NONE),
            ],
        ),
    ]


def _rollout_items(rollout: Rollout) -> list[tuple[str, str]]:
    items = [("Strategy", STRATEGY_NAMES[rollout.strategy])]
    if rollout.strategy == "all_at_once":
        return items
    if rollout.strategy == "canary":
        items.append(("Steps", ", ".join(f"{step} %" for step in rollout.steps)))
    latency = f", p99 {rollout.max_p99_ms} ms" if rollout.max_p99_ms is not None else ""
    return [
        *items,
        ("Bake time", f"{rollout.bake_minutes} min per step, at least {rollout.min_requests} requests"),
        ("Rolls back above", f"{100 * rollout.max_error_rate:.3g} % errors{latency}"),
    ]


def pairs_text(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in pairs.items()) or NONE


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The fields that differ between two specs (or parts of specs), by dotted name, in alphabetical order."""
    old, new = _flat(before), _flat(after)
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return [Change(name, _text(old.get(name)), _text(new.get(name))) for name in names]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, child in value.items():
        if isinstance(child, Mapping):
            leaves |= _flat(child, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = child
    return leaves


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
