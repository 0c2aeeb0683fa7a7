"""Terraform for the Plan and Apply stages: the run's working directory, variables and log lines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings

from deployments.rollouts.entities import serving
from deployments.runs.statuses import Level, RunKind
from deployments.stages.adopting import MANAGED_TAG, adopts, mirrored_variables
from deployments.stages.context import Context
from deployments.tfstate import store as statestore
from integrations.databricks.credentials import Credentials
from integrations.errors import IntegrationError
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import (
    ENDPOINT_ADDRESS,
    HttpBackend,
    Import,
    TerraformSettings,
    render_workspace,
    terraform_env,
)
from integrations.terraform.results import CommandResult, OutputLine

PLANFILE = "plan.tfplan"
# The source of the log lines that Terraform wrote.
TERRAFORM = "terraform"


def terraform_settings() -> TerraformSettings:
    """Settings from terraform/provider/install.py. Raises IntegrationError if it has not run on this host."""
    path = Path(settings.TERRAFORM_HOME) / "install.json"
    try:
        installed = TerraformSettings.from_installation(path)
    except (OSError, ValueError, KeyError) as error:
        message = f"Terraform is not installed for this worker: {path.name} cannot be read"
        raise IntegrationError(message, permanent=True, source="terraform") from error
    return replace(
        installed,
        module_dir=Path(settings.TERRAFORM_MODULE_DIR),
        cancel_grace_s=settings.TERRAFORM_CANCEL_GRACE_S,
    )


def module_variables(context: Context) -> dict[str, Any]:
    """Variables of terraform/modules/model_endpoint: the spec, and served versions that have to stay."""
    if adopts(context):
        return mirrored_variables(context)
    spec, deployment = context.spec, context.run.deployment
    served = serving(spec, deployment.intended)
    tags = {
        **spec.tags,
        "team": deployment.team.slug,
        "environment": deployment.environment.slug,
        "managed_by": "slipway",
        MANAGED_TAG: str(deployment.pk),
    }
    if deployment.team.cost_center:
        tags.setdefault("cost_center", deployment.team.cost_center)
    variables = {
        "endpoint_name": deployment.name,
        "served_entities": served.entities,
        "routes": served.routes,
        "tags": tags,
        "inference_table": _inference_table(context),
    }
    if "usage_tracking" in deployment.intended:
        # Adopted endpoints keep usage tracking, because the provider cannot remove it.
        variables["usage_tracking"] = deployment.intended["usage_tracking"]
    return variables


def _inference_table(context: Context) -> dict[str, Any] | None:
    """The inference table. Once set, it is disabled but never omitted: the provider cannot remove the block."""
    wanted = context.spec.monitoring.inference_table
    asked_before = context.run.deployment.runs.filter(spec__monitoring__inference_table=True)
    before = context.run.deployment.intended.get("inference_table")
    if before:
        return {**before, "enabled": wanted}
    if not wanted and not asked_before.exists():
        return None
    catalog, schema, _ = context.spec.model.split(".")
    return {
        "enabled": wanted,
        "catalog_name": catalog,
        "schema_name": schema,
        "table_name_prefix": context.run.deployment.name.replace("-", "_"),
    }


def is_orphaned(context: Context) -> bool:
    """Whether the endpoint exists but is missing in the tfstate, because a run died after creating it."""
    if ENDPOINT_ADDRESS in statestore.resource_addresses(context.run.deployment_id):
        return False
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    return endpoint is not None and endpoint.tags.get(MANAGED_TAG) == str(context.run.deployment_id)


def _imports(context: Context) -> list[Import]:
    is_ours = ENDPOINT_ADDRESS in statestore.resource_addresses(context.run.deployment_id)
    if context.run.kind == RunKind.DESTROY or is_ours or not (adopts(context) or is_orphaned(context)):
        return []
    return [Import(ENDPOINT_ADDRESS, context.run.deployment.name)]


def open_run_directory(context: Context) -> RunDirectory:
    """Render the run's directory and return its Terraform, with a new state password in its environment."""
    password = statestore.issue_credential(context.run)
    configuration = terraform_settings()
    address = f"{settings.INTERNAL_URL}/terraform/state/{context.run.deployment_id}"
    render_workspace(
        context.directory,
        settings=configuration,
        backend=HttpBackend(address, lock_address=f"{address}/lock", unlock_address=f"{address}/lock"),
        variables=module_variables(context),
        imports=_imports(context),
    )
    return RunDirectory(
        context.directory,
        settings=configuration,
        env=_environment(context, configuration, password),
        on_line=lambda line: log_line(context, line),
        should_cancel=context.should_stop,
    )


def _environment(context: Context, configuration: TerraformSettings, password: statestore.Password) -> dict[str, str]:
    workspace = context.run.deployment.workspace
    credentials = Credentials.from_environment(workspace.credential)
    return terraform_env(
        context.directory,
        settings=configuration,
        http_username=password.username,
        http_password=password.value,
        databricks=credentials.terraform_environment(workspace.host),
    )


# "init -json" does not support -no-color.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
NOISE = frozenset({"version", "refresh_start", "refresh_complete", "outputs"})


def shown_text(line: OutputLine) -> str:
    """The text of a JSON line, or the line itself if it is not JSON. "" for noise."""
    event = line.event or {}
    if event.get("type") in NOISE:
        return ""
    return COLOUR.sub("", str(event.get("@message", line.text))).strip()


def log_line(context: Context, line: OutputLine) -> None:
    text = shown_text(line)
    if text:
        level = {"error": Level.ERROR, "warn": Level.WARNING}.get(str((line.event or {}).get("@level")), Level.INFO)
        context.log(text, level=level, source=TERRAFORM)


def error_text(result: CommandResult) -> str:
    """The errors of a Terraform command as one line."""
    return "; ".join(f"{item.summary} {item.detail}".strip() for item in result.errors) or "no reason was given."
