"""Which versions a deployment serves or has served, how their requests are told apart, and what they take."""

from __future__ import annotations

import re

from catalog.models import ModelVersion
from deployments.models import Deployment

# A job that counts more columns than this prints more than an output may have.
MAX_COLUMNS = 500


def inference_table(deployment: Deployment) -> str | None:
    """Full name of the table that keeps requests and answers; None if none is kept."""
    table = deployment.intended.get("inference_table") or {}
    if not table.get("enabled"):
        return None
    return f"{table['catalog_name']}.{table['schema_name']}.{table['table_name_prefix']}_payload"


def quoted(table: str) -> str:
    """A name of three parts as SQL takes it, whatever is in it."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in table.split("."))


def versions_of(deployment: Deployment) -> list[ModelVersion]:
    """Every version that the deployment was asked for or is seen with, the newest first. Two queries."""
    asked = deployment.runs.order_by().values_list("spec__version", flat=True).distinct()
    numbers = {str(version) for version in asked} | {str(deployment.spec.get("version"))}
    numbers |= {str(entity.get("entity_version")) for entity in [*deployment.served, *deployment.pending]}
    known = [int(number) for number in numbers if number.isdecimal()]
    rows = ModelVersion.objects.filter(model=deployment.model_id, version__in=known)
    return list(rows.only("pk", "version", "signature", "datasets", "model").order_by("-version"))


def live_versions(deployment: Deployment) -> set[int]:
    """Versions that get traffic, as last seen."""
    serving = [entity for entity in deployment.served if entity.get("traffic")]
    return {int(entity["entity_version"]) for entity in serving if str(entity["entity_version"]).isdecimal()}


def entities_of(deployment: Deployment, versions: list[ModelVersion]) -> dict[str, str]:
    """{name of a served entity: version}. Databricks' ids are not in there: the job asks the workspace for those."""
    # As deployments.rollouts.entities names them.
    model = re.sub(r"[^A-Za-z0-9_-]", "-", deployment.model.name)[:50]
    named = {f"{model}-{version.version}": str(version.version) for version in versions}
    seen = [*deployment.pending, *deployment.served]
    return {**named, **{str(entity["name"]): str(entity["entity_version"]) for entity in seen}}


def columns_of(version: ModelVersion) -> dict[str, str]:
    """{feature: MLflow type} of the columns that the version takes; {} without named columns, as with tensors."""
    columns = {}
    for column in version.signature.get("inputs") or []:
        name, kind = column.get("name"), column.get("type")
        if isinstance(name, str) and name and isinstance(kind, str):
            columns[name] = kind
    return dict(list(columns.items())[:MAX_COLUMNS])
