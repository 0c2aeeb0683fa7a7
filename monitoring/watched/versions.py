"""The versions that a deployment serves or has served, their served entities and their input columns."""

from __future__ import annotations

import re

from catalog.models import ModelVersion
from deployments.models import Deployment

#: With more columns, the counts would not fit into the output of a job.
MAX_COLUMNS = 500


def inference_table(deployment: Deployment) -> str | None:
    """Full name of the table that logs requests and responses; None if it is off."""
    table = deployment.intended.get("inference_table") or {}
    if not table.get("enabled"):
        return None
    return f"{table['catalog_name']}.{table['schema_name']}.{table['table_name_prefix']}_payload"


def quoted(table: str) -> str:
    """The three-part name, quoted for SQL."""
    return ".".join(f"`{part.replace('`', '``')}`" for part in table.split("."))


def versions_of(deployment: Deployment) -> list[ModelVersion]:
    """Every version that was requested for the deployment or observed in it, newest first. Two queries."""
    asked = deployment.runs.order_by().values_list("spec__version", flat=True).distinct()
    numbers = {str(version) for version in asked} | {str(deployment.spec.get("version"))}
    numbers |= {str(entity.get("entity_version")) for entity in [*deployment.served, *deployment.pending]}
    known = [int(number) for number in numbers if number.isdecimal()]
    rows = ModelVersion.objects.filter(model=deployment.model_id, version__in=known)
    return list(rows.only("pk", "version", "signature", "datasets", "model").order_by("-version"))


def live_versions(deployment: Deployment) -> set[int]:
    """Versions that got traffic when the endpoint was last observed."""
    serving = [entity for entity in deployment.served if entity.get("traffic")]
    return {int(entity["entity_version"]) for entity in serving if str(entity["entity_version"]).isdecimal()}


def entities_of(deployment: Deployment, versions: list[ModelVersion]) -> dict[str, str]:
    """{name of a served entity: version}. Ids are not included: jobs read them from the workspace."""
    # The same names as in deployments.rollouts.entities.
    model = re.sub(r"[^A-Za-z0-9_-]", "-", deployment.model.name)[:50]
    named = {f"{model}-{version.version}": str(version.version) for version in versions}
    seen = [*deployment.pending, *deployment.served]
    return {**named, **{str(entity["name"]): str(entity["entity_version"]) for entity in seen}}


def columns_of(version: ModelVersion) -> dict[str, str]:
    """{feature: MLflow type} of the input columns; {} if the signature has no named columns, as with tensors."""
    columns = {}
    for column in version.signature.get("inputs") or []:
        name, kind = column.get("name"), column.get("type")
        if isinstance(name, str) and name and isinstance(kind, str):
            columns[name] = kind
    return dict(list(columns.items())[:MAX_COLUMNS])
