"""The steps of the wizard. Each form writes its part of the spec and validates nothing.

Every field is optional here: ``problems_of`` validates the spec, with the same messages as the API.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django import forms

from deployments.deployment.specs import MAX_NAME_LENGTH, Compute, Monitoring, Rollout
from deployments.wizard.spec_fields import choices_of, with_defaults
from web.forms import JudgedForm
from web.pairs import PairsField

Answers = dict[str, Any]

WORKLOAD_TYPES = choices_of(
    Compute,
    "workload_type",
    {
        "CPU": "CPU",
        "GPU_SMALL": "GPU small",
        "GPU_MEDIUM": "GPU medium",
        "GPU_LARGE": "GPU large",
        "MULTIGPU_MEDIUM": "Several GPUs, medium",
    },
)
WORKLOAD_SIZES = choices_of(Compute, "workload_size", {"Small": "Small", "Medium": "Medium", "Large": "Large"})
DRIFT_METRICS = choices_of(
    Monitoring,
    "drift_metric",
    {
        "psi": "Population stability index (PSI)",
        "js": "Jensen-Shannon",
        "ks": "Kolmogorov-Smirnov",
        "wasserstein": "Wasserstein",
        "chi2": "Chi-square",
        "linf": "L-infinity",
    },
)
STRATEGIES = choices_of(
    Rollout,
    "strategy",
    {"all_at_once": "All at once", "canary": "Canary", "blue_green": "Blue/green", "shadow": "Shadow"},
)
# Where the wizard proposes more than the spec's default: a gradual start, and the table that drift is measured on.
PROPOSED_STEPS = [5, 25, 50, 100]
PROPOSED_INFERENCE_TABLE = True

GRADUAL = ("canary", "blue_green", "shadow")


class OpenChoiceField(forms.ChoiceField):
    """Shows choices, but accepts any value: the spec validates it."""

    def valid_value(self, value: Any) -> bool:
        return True


class StepForm(JudgedForm):
    """``answers`` turns the fields into a part of the spec, ``initial_of`` the spec into fields."""

    @classmethod
    def initial_of(cls, answers: Mapping[str, Any]) -> dict[str, Any]:
        return dict(answers)

    def answers(self, before: Mapping[str, Any]) -> Answers:
        """``before`` with this step's part of the spec, as it was posted. Call it only on a valid form."""
        return {**before, **self.cleaned_data}


def _with(before: Mapping[str, Any], **values: Any) -> Answers:
    """``before`` with ``values``. A key with an empty text is removed, so that it counts as missing."""
    answers = {**before, **values}
    return {key: value for key, value in answers.items() if value not in ("", None)}


class ModelStep(StepForm):
    environment = OpenChoiceField(required=False, label="Environment")
    q = forms.CharField(required=False, max_length=255, label="Search models")
    model = forms.CharField(required=False, max_length=800, label="Model")
    version = forms.CharField(required=False, max_length=300, label="Version")

    @classmethod
    def initial_of(cls, answers: Mapping[str, Any]) -> dict[str, Any]:
        return {name: answers.get(name, "") for name in ("environment", "model", "version")}

    def answers(self, before: Mapping[str, Any]) -> Answers:
        given = self.cleaned_data
        chosen = _with(before, environment=given["environment"], model=given["model"], version=given["version"])
        monitoring = chosen.get("monitoring")
        if monitoring and chosen.get("model") != before.get("model"):
            # They name features of the other model.
            chosen["monitoring"] = {**monitoring, "exclude": [], "critical": []}
        return chosen


class TargetStep(StepForm):
    renamed = {f"compute.{name}": name for name in Compute.model_fields}
    name = forms.CharField(
        required=False,
        max_length=255,
        label="Endpoint name",
        help_text="Part of the URL that callers use. It cannot change later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    workload_type = OpenChoiceField(required=False, choices=WORKLOAD_TYPES, label="Hardware")
    workload_size = OpenChoiceField(required=False, choices=WORKLOAD_SIZES, widget=forms.RadioSelect, label="Size")
    scale_to_zero = forms.BooleanField(
        required=False,
        label="Scale to zero",
        help_text="Costs nothing without requests. The first request after a pause waits for a cold start, often more "
        "than 30 s. Leave it off if callers wait for the response.",
    )
    env_vars = PairsField(required=False, label="Environment variables")
    tags = PairsField(required=False, label="Tags")

    @classmethod
    def initial_of(cls, answers: Mapping[str, Any]) -> dict[str, Any]:
        suggested = str(answers.get("model", "")).rpartition(".")[2].replace("_", "-")[:MAX_NAME_LENGTH].strip("-")
        return {
            "name": answers.get("name") or suggested,
            **with_defaults(Compute, answers.get("compute", {})),
            "env_vars": list(answers.get("env_vars", {}).items()),
            "tags": list(answers.get("tags", {}).items()),
        }

    def answers(self, before: Mapping[str, Any]) -> Answers:
        given = self.cleaned_data
        compute = {name: given[name] for name in Compute.model_fields}
        name = given["name"].strip()
        return _with(before, name=name, compute=compute, env_vars=given["env_vars"], tags=given["tags"])


class RolloutStep(StepForm):
    renamed = {
        "rollout.strategy": "strategy",
        "rollout.bake_minutes": "bake_minutes",
        "rollout.max_error_rate": "max_error_percent",
        "rollout.max_p99_ms": "max_p99_ms",
        "rollout.min_requests": "min_requests",
        "rollout": "steps",
    }
    strategy = OpenChoiceField(required=False, choices=STRATEGIES, widget=forms.RadioSelect, label="Strategy")
    steps = forms.CharField(
        required=False,
        max_length=200,
        label="Steps, in % of the traffic",
        help_text="Increasing, and 100 at the end, such as 5, 25, 50, 100.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    bake_minutes = forms.CharField(
        required=False,
        max_length=20,
        label="Minutes to watch each step",
        help_text="A worse version is rolled back at once. A good one continues after this time.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    max_error_percent = forms.CharField(
        required=False,
        max_length=20,
        label="Maximum error rate, in %",
        help_text="Responses with 4xx or 5xx. Above it and the previous version's rate, the rollout is rolled back.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    max_p99_ms = forms.CharField(
        required=False,
        max_length=20,
        label="Maximum p99 latency, in ms",
        help_text="99 % of the responses arrive within this time. If empty, latency is not judged.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    min_requests = forms.CharField(
        required=False,
        max_length=20,
        label="Minimum requests",
        help_text="A step with fewer cannot be judged: the run waits for more requests, or for a decision.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    @classmethod
    def initial_of(cls, answers: Mapping[str, Any]) -> dict[str, Any]:
        rollout = with_defaults(Rollout, {"steps": PROPOSED_STEPS, **answers.get("rollout", {})})
        rate, steps = rollout["max_error_rate"], rollout["steps"]
        return {
            "strategy": rollout["strategy"],
            "steps": ", ".join(str(step) for step in steps) if isinstance(steps, list) else steps,
            "bake_minutes": rollout["bake_minutes"],
            "max_error_percent": f"{100 * rate:.10g}" if isinstance(rate, int | float) else rate,
            "max_p99_ms": rollout["max_p99_ms"],
            "min_requests": rollout["min_requests"],
        }

    def answers(self, before: Mapping[str, Any]) -> Answers:
        """Fields that the strategy does not use are left out."""
        given = self.cleaned_data
        if given["strategy"] not in GRADUAL:
            return _with(before, rollout={"strategy": given["strategy"]})
        rate = _number(given["max_error_percent"])
        rollout: dict[str, Any] = {
            "strategy": given["strategy"],
            "bake_minutes": _integer(given["bake_minutes"]),
            "max_error_rate": round(rate / 100, 12) if isinstance(rate, float) else rate,
            "max_p99_ms": _integer(given["max_p99_ms"]) if given["max_p99_ms"] else None,
            "min_requests": _integer(given["min_requests"]),
        }
        if given["strategy"] == "canary":
            rollout["steps"] = [_integer(part) for part in given["steps"].replace("%", " ").replace(",", " ").split()]
        return _with(before, rollout=rollout)


class MonitoringStep(StepForm):
    renamed = {f"monitoring.{name}": name for name in Monitoring.model_fields}
    inference_table = forms.BooleanField(
        required=False,
        label="Keep requests and responses in an inference table",
        help_text="A Delta table in the model's schema. Drift is measured on it.",
    )
    drift_metric = OpenChoiceField(required=False, choices=DRIFT_METRICS, label="Drift metric")
    drift_threshold = forms.CharField(
        required=False,
        max_length=40,
        label="Drift threshold",
        help_text="A feature drifts above this value. 0.2 is the usual limit for PSI.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    exclude = forms.MultipleChoiceField(required=False, label="Excluded features")
    critical = forms.MultipleChoiceField(required=False, label="Critical features")

    def __init__(self, *args: Any, features: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("exclude", "critical"):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = [(feature, feature) for feature in features]

    @classmethod
    def initial_of(cls, answers: Mapping[str, Any]) -> dict[str, Any]:
        proposed = {"inference_table": PROPOSED_INFERENCE_TABLE}
        return with_defaults(Monitoring, {**proposed, **answers.get("monitoring", {})})

    def answers(self, before: Mapping[str, Any]) -> Answers:
        given = self.cleaned_data
        monitoring = {name: given[name] for name in ("inference_table", "drift_metric", "exclude", "critical")}
        return _with(before, monitoring={**monitoring, "drift_threshold": _number(given["drift_threshold"])})


def _integer(text: str) -> int | str:
    """``text`` as a whole number. Any other text is returned unchanged, and the spec rejects it."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else text


def _number(text: str) -> float | str:
    """``text`` as a finite number. Any other text is returned unchanged, and the spec rejects it."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


STEP_FORMS: dict[str, type[StepForm]] = {
    "model": ModelStep,
    "target": TargetStep,
    "rollout": RolloutStep,
    "monitoring": MonitoringStep,
}
