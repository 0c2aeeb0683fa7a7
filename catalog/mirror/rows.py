"""Writes the workspace's answers to rows. Makes no network calls, so it may run inside a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from accounts.models import Team
from catalog.registered_models.models import ModelVersion, ModelVersionStatus, RegisteredModel
from catalog.workspaces.models import Workspace
from integrations import databricks

BATCH = 500
MAX_NAME = 767
# Stands in for missing times. It must be constant, or every pass would treat the model as changed.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MODEL_FIELDS = [
    "catalog_name",
    "schema_name",
    "name",
    "team",
    "comment",
    "owner",
    "created_at",
    "updated_at",
    "seen_at",
    "removed_at",
]
VERSION_FIELDS = [
    "status",
    "run_id",
    "source",
    "comment",
    "aliases",
    "created_by",
    "created_at",
    "updated_at",
    "details_synced_at",
    "removed_at",
]


def clean(value: Any) -> Any:
    """``value`` without NUL characters, which PostgreSQL cannot store in text or JSON."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, Mapping):
        return {clean(str(name)): clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value


def _cut(text: str, length: int) -> str:
    return str(clean(text))[:length]


def save_models(workspace: Workspace, listed: Iterable[databricks.RegisteredModel], now: datetime) -> None:
    """Insert or update the listed models and mark the others as removed. The schema's name gives the team."""
    teams = {team.slug: team for team in Team.objects.all()}
    present = RegisteredModel.objects.filter(workspace=workspace).present()
    known = dict(present.values_list("full_name", "updated_at"))
    fresh = {
        model.full_name: _model_row(workspace, model, teams, now)
        for model in listed
        if len(model.full_name) <= MAX_NAME
    }
    # Includes models that were removed and came back: they may be different models with the same name.
    changed = [name for name, row in fresh.items() if known.get(name) != row.updated_at]
    with transaction.atomic():
        models = RegisteredModel.objects.filter(workspace=workspace)
        # In batches, because SQLite limits the number of parameters per statement.
        for start in range(0, len(changed), BATCH):
            models.filter(full_name__in=changed[start : start + BATCH]).update(versions_synced_at=None)
        RegisteredModel.objects.bulk_create(
            fresh.values(),
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["workspace", "full_name"],
            update_fields=MODEL_FIELDS,
        )
        models.filter(removed_at=None).exclude(seen_at=now).update(removed_at=now)


def _model_row(
    workspace: Workspace, model: databricks.RegisteredModel, teams: Mapping[str, Team], now: datetime
) -> RegisteredModel:
    created_at = model.created_at or model.updated_at or EPOCH
    return RegisteredModel(
        workspace=workspace,
        full_name=model.full_name,
        catalog_name=_cut(model.catalog_name, 255).lower(),
        schema_name=_cut(model.schema_name, 255).lower(),
        name=_cut(model.name, 255),
        team=teams.get(model.schema_name.lower()),
        comment=clean(model.comment),
        owner=_cut(model.owner, 255),
        created_at=created_at,
        updated_at=model.updated_at or created_at,
        seen_at=now,
        removed_at=None,
    )


def save_versions(
    model: RegisteredModel,
    versions: Iterable[databricks.Version],
    aliases: Mapping[str, int],
    tags: Mapping[str, str],
    asked_at: datetime,
) -> None:
    """Mirror the versions, aliases and tags of ``model``. Changed versions are marked for reading details again."""
    names: dict[int, list[str]] = {}
    for alias, number in sorted(aliases.items()):
        names.setdefault(number, []).append(_cut(alias, 255))
    rows = ModelVersion.objects.filter(model=model).only("version", "status", "updated_at", "details_synced_at")
    known = {row.version: row for row in rows}
    fresh = [
        _version_row(model, version, names.get(version.version, []), known.get(version.version))
        for version in versions
        if 0 < version.version < 2**31
    ]
    with transaction.atomic():
        ModelVersion.objects.bulk_create(
            fresh,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["model", "version"],
            update_fields=VERSION_FIELDS,
        )
        gone = set(known) - {row.version for row in fresh}
        ModelVersion.objects.filter(model=model, version__in=gone, removed_at=None).update(removed_at=asked_at)
        RegisteredModel.objects.filter(pk=model.pk).update(tags=clean(tags), versions_synced_at=asked_at)


def _version_row(
    model: RegisteredModel, version: databricks.Version, aliases: list[str], known: ModelVersion | None
) -> ModelVersion:
    status = version.status if version.status in ModelVersionStatus.values else ModelVersionStatus.UNKNOWN
    unchanged = known is not None and known.updated_at == version.updated_at and known.status == status
    return ModelVersion(
        model=model,
        version=version.version,
        status=status,
        run_id=_cut(version.run_id, 64),
        source=_cut(version.source, 1024),
        comment=clean(version.comment),
        aliases=aliases,
        created_by=_cut(version.created_by, 255),
        created_at=version.created_at,
        updated_at=version.updated_at,
        details_synced_at=known.details_synced_at if known is not None and unchanged else None,
        removed_at=None,
    )


def save_details(version: ModelVersion, details: databricks.VersionDetails, now: datetime) -> None:
    """Store the details from the MLmodel file and the MLflow run."""
    ModelVersion.objects.filter(pk=version.pk).update(
        signature=clean(details.signature),
        input_example=clean(details.input_example),
        flavors=clean(details.flavors),
        requirements=clean(details.requirements),
        metrics=clean(details.metrics),
        params=clean(details.params),
        tags=clean(details.tags),
        datasets=clean([asdict(dataset) for dataset in details.datasets]),
        feature_importance=clean(details.feature_importance),
        size_bytes=details.size_bytes,
        details_synced_at=now,
    )
