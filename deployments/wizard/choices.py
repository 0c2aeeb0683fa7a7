"""The choices of the wizard's Model step: environments, models and versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Environment, ModelVersion, ModelVersionStatus, RegisteredModel
from catalog.registered_models.filters import ModelFilter
from catalog.registered_models.presenters import status_tone

MAX_MODELS = 8
MAX_VERSIONS = 12
MAX_METRICS = 3
HEAVY = ("input_example", "params", "tags")


@dataclass(frozen=True)
class VersionChoice:
    """A version or alias. ``value`` is that of the spec, "3" or "@champion". Only ready versions can be deployed."""

    value: str
    title: str
    note: str
    tone: str
    status: str
    is_ready: bool
    aliases: list[str]
    metrics: list[tuple[str, str]]
    signature: str
    created_at: datetime | None
    created_by: str


@dataclass(frozen=True)
class ModelChoices:
    environments: list[Environment]
    environment: Environment | None
    models: list[RegisteredModel] = field(default_factory=list)
    model_count: int = 0
    model: RegisteredModel | None = None
    versions: list[VersionChoice] = field(default_factory=list)
    version_count: int = 0


def environment_for(model: RegisteredModel) -> Environment | None:
    """The first environment that serves models of this catalog, or None."""
    places = Environment.objects.filter(workspace=model.workspace_id, catalog_name__iexact=model.catalog_name)
    return places.first()


def model_choices(user: User, chosen: Mapping[str, Any]) -> ModelChoices:
    """The choices for ``chosen``, the submitted or saved environment, q, model and version. Each may be missing."""
    environments = list(Environment.objects.select_related("workspace"))
    environment = next((row for row in environments if row.slug == chosen.get("environment")), None)
    if environment is None:
        return ModelChoices(environments, None)
    rows = RegisteredModel.objects.present().filter(
        workspace=environment.workspace,
        catalog_name=environment.catalog_name.lower(),
        team__in=teams_where(user, Action.DEPLOY),
    )
    wanted = str(chosen.get("model") or "").lower()
    model = rows.select_related("team").filter(full_name=wanted).first()
    found = ModelFilter({"q": chosen.get("q") or ""}, queryset=rows).qs
    shown = list(found.for_list()[:MAX_MODELS])
    if model and model not in shown:
        shown = [*rows.for_list().filter(pk=model.pk), *shown]
    versions, count = version_choices(model, str(chosen.get("version") or ""))
    return ModelChoices(environments, environment, shown, found.count(), model, versions, count)


def version_choices(model: RegisteredModel | None, wanted: str) -> tuple[list[VersionChoice], int]:
    """Aliases and the newest versions, always including ``wanted``, and the total number of versions."""
    if model is None:
        return [], 0
    rows = list(model.versions.filter(removed_at=None).defer(*HEAVY))
    aliased = sorted(
        (alias, row)
        for row in rows
        for alias in row.aliases
        if alias.isascii() and alias.replace("_", "").replace("-", "").isalnum()
    )
    shown = [row for index, row in enumerate(rows) if index < MAX_VERSIONS or str(row.version) == wanted]
    by_alias = [_choice(row, f"@{alias}", f"@{alias}") for alias, row in aliased]
    return by_alias + [_choice(row, str(row.version), f"Version {row.version}") for row in shown], len(rows)


def _choice(row: ModelVersion, value: str, title: str) -> VersionChoice:
    is_alias = value.startswith("@")
    metrics = sorted(row.metrics.items())[:MAX_METRICS]
    return VersionChoice(
        value=value,
        title=title,
        note=f"currently version {row.version}; pinned when you deploy" if is_alias else "",
        tone=status_tone(row),
        status=row.get_status_display(),
        is_ready=row.status == ModelVersionStatus.READY,
        aliases=[] if is_alias else row.aliases,
        # Four significant digits.
        metrics=[(name, f"{value:.4g}" if isinstance(value, int | float) else str(value)) for name, value in metrics],
        signature=signature_summary(row.signature),
        created_at=row.created_at,
        created_by=row.created_by,
    )


def signature_summary(signature: Mapping[str, Any]) -> str:
    """A summary such as "6 inputs → 1 output"."""
    if not signature.get("inputs"):
        return "No signature"
    inputs, outputs = len(signature["inputs"]), len(signature.get("outputs") or [])
    told = f"{inputs} input{'s' * (inputs != 1)}"
    return f"{told} \N{RIGHTWARDS ARROW} {outputs} output{'s' * (outputs != 1)}" if outputs else told


def default_version(versions: list[VersionChoice]) -> str:
    """The champion if it is ready, else the newest ready version, else ""."""
    ready = [choice.value for choice in versions if choice.is_ready]
    return "@champion" if "@champion" in ready else next((value for value in ready if value[0] != "@"), "")


@dataclass(frozen=True)
class Feature:
    name: str
    type: str


def features_of(version: ModelVersion | None) -> list[Feature]:
    """The named inputs of the signature, in order."""
    inputs = (version.signature.get("inputs") or []) if version else []
    return [Feature(str(item["name"]), str(item.get("type") or "")) for item in inputs if item.get("name")]
