"""DeploymentSpec: the requested configuration of an endpoint. The API, the YAML download and the wizard share it.

Limits and names follow Databricks Model Serving: endpoint names of 1 to 63 characters, at most 30 environment
variables per served model, workload sizes Small (4 concurrent requests), Medium (8-16) and Large (16-64).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from web.bodies import Column, Part, ShortText, parse
from web.errors import Invalid

SECRET_REFERENCE = re.compile(r"\{\{secrets/[\w.@-]{1,128}/[\w.@-]{1,128}\}\}")

SECRET_NAMED = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|CREDENTIAL)", re.IGNORECASE)

RESERVED_TAGS = ("team", "environment", "managed_by", "slipway_deployment")


def _endpoint_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?", value):
        raise ValueError("Use letters, digits, - and _, with a letter or digit at both ends.")
    if len(value) > 63:
        raise ValueError(f"Use at most 63 characters; this name has {len(value)}.")
    if value.lower().startswith("databricks-"):
        raise ValueError("Names that start with databricks- are reserved.")
    return value


def _model_name(value: str) -> str:
    if not re.fullmatch(r"[^.\s/\x00]+(\.[^.\s/\x00]+){2}", value):
        raise ValueError("Write the full name: catalog.schema.model.")
    return value.lower()


def _version(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,8}|@[A-Za-z0-9_-]{1,255}", value):
        raise ValueError("Write a version number, for example 3, or an alias, for example @champion.")
    return value


def _environment_variables(value: dict[str, str]) -> dict[str, str]:
    for name, content in value.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
            raise ValueError(f"{name!r} is not a valid name of an environment variable.")
        reference = SECRET_REFERENCE.fullmatch(content)
        if "{{" in content and not reference:
            raise ValueError(f"{name}: write a secret reference as {{{{secrets/scope/key}}}}.")
        if SECRET_NAMED.search(name) and not reference:
            raise ValueError(f"{name} looks like a secret: give a reference, {{{{secrets/scope/key}}}}.")
    return value


def _tags(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if not re.fullmatch(r"[A-Za-z0-9_.:/=+@-]{1,127}", name):
            raise ValueError(f"{name!r} is not a valid tag name.")
        if name in RESERVED_TAGS:
            raise ValueError(f"{name} is reserved: Slipway sets it.")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=767)]

WorkloadType = Literal["CPU", "GPU_SMALL", "GPU_MEDIUM", "GPU_LARGE", "MULTIGPU_MEDIUM"]

WorkloadSize = Literal["Small", "Medium", "Large"]


class Compute(Part):
    workload_type: WorkloadType = "CPU"
    workload_size: WorkloadSize = "Small"
    scale_to_zero: bool = True


class Rollout(Part):
    """How traffic moves to a new version. ``steps`` are percentages of traffic; rates are between 0 and 1."""

    strategy: Literal["all_at_once", "canary", "blue_green", "shadow"] = "all_at_once"
    steps: list[Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=lambda: [100], min_length=1, max_length=20)
    bake_minutes: int = Field(default=10, ge=0, le=1440)
    max_error_rate: float = Field(default=0.01, ge=0, le=1, allow_inf_nan=False)
    max_p99_ms: int | None = Field(default=None, ge=1, le=297_000)
    min_requests: int = Field(default=200, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _steps_rise_to_everything(self) -> Rollout:
        if sorted(set(self.steps)) != self.steps or self.steps[-1] != 100:
            raise ValueError("Steps must increase and end at 100.")
        return self


class Monitoring(Part):
    inference_table: bool = False
    drift_metric: Literal["psi", "js", "ks", "wasserstein", "chi2", "linf"] = "psi"
    drift_threshold: float = Field(default=0.2, gt=0, le=1000, allow_inf_nan=False)
    exclude: list[Column] = Field(default_factory=list, max_length=2000)
    critical: list[Column] = Field(default_factory=list, max_length=2000)


def _documented(pattern: str, example: str, **more: Any) -> Any:
    """JSON schema for a field whose validator gives a clearer message than ``pattern`` would."""
    return Field(json_schema_extra={"pattern": pattern, "examples": [example], **more})


class DeploymentSpec(Part):
    """One serving endpoint for one model version in one environment."""

    model: Annotated[Text, AfterValidator(_model_name)] = _documented(
        r"^[^.\s/]+\.[^.\s/]+\.[^.\s/]+$", "staging.fraud.card_fraud"
    )
    version: Annotated[Text, AfterValidator(_version)] = _documented(
        r"^([1-9][0-9]{0,8}|@[A-Za-z0-9_-]{1,255})$", "3", description="A version number or an alias, @champion."
    )
    environment: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{1,63}$")] = Field(examples=["staging"])
    name: Annotated[Text, AfterValidator(_endpoint_name)] = _documented(
        r"^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$", "card-fraud", maxLength=63
    )
    compute: Compute = Field(default_factory=Compute)
    rollout: Rollout = Field(default_factory=Rollout)
    monitoring: Monitoring = Field(default_factory=Monitoring)
    env_vars: Annotated[dict[str, ShortText], AfterValidator(_environment_variables)] = Field(
        default_factory=dict, max_length=30
    )
    tags: Annotated[dict[str, ShortText], AfterValidator(_tags)] = Field(default_factory=dict, max_length=16)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")

    def pinned(self, version: int) -> DeploymentSpec:
        """The same spec with an alias replaced by the version it points to now."""
        return self.model_copy(update={"version": str(version)})


def parse_spec(data: object) -> DeploymentSpec:
    """Parse a spec. Raises Invalid with all errors by field."""
    if not isinstance(data, Mapping):
        raise Invalid({"spec": ["Write an object with the fields of a deployment spec."]})
    return parse(DeploymentSpec, data)
