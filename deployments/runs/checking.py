"""Checking a spec against the catalog: every name is looked up, and each error belongs to a field."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import User
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from catalog.models import Environment, ModelVersion, ModelVersionStatus, RegisteredModel
from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec
from web.errors import Invalid


@dataclass(frozen=True)
class Target:
    """A checked spec: everything it names exists, and the user may use it."""

    spec: DeploymentSpec
    environment: Environment
    model: RegisteredModel
    version: ModelVersion


def check_spec(spec: DeploymentSpec, actor: User, deployment: Deployment | None = None) -> Target:
    """Look up everything that the spec names. Raises Invalid with all errors by field.

    With ``deployment`` the spec is an update, which cannot change model, environment or name.
    """
    errors: dict[str, list[str]] = {}
    environment = Environment.objects.select_related("workspace").filter(slug=spec.environment).first()
    if environment is None:
        known = ", ".join(Environment.objects.values_list("slug", flat=True))
        raise Invalid({"environment": [f"There is no environment {spec.environment}. Choose one of: {known}."]})
    model = _find_model(spec, environment, actor, errors)
    version = _find_version(spec, model, errors) if model else None
    _check_name(spec, environment, deployment, errors)
    _check_unchangeable(spec, deployment, errors)
    if errors or model is None or version is None:
        raise Invalid(errors)
    return Target(spec.pinned(version.version), environment, model, version)


def _find_model(
    spec: DeploymentSpec, environment: Environment, actor: User, errors: dict[str, list[str]]
) -> RegisteredModel | None:
    catalog = spec.model.split(".")[0]
    models = RegisteredModel.objects.visible_to(actor).present().select_related("team")
    model = models.filter(workspace=environment.workspace, full_name=spec.model).first()
    if model is None:
        errors["model"] = [f"There is no model {spec.model} that you may see."]
    elif catalog != environment.catalog_name:
        errors["model"] = [
            f"{environment} serves models of the catalog {environment.catalog_name}; this one is in {catalog}. "
            f"Register the version there first."
        ]
    elif not can(actor, Action.DEPLOY, model.team):
        errors["model"] = [f"You may see {spec.model} but not deploy it: ask a team admin for the role deployer."]
    else:
        return model
    return None


def _find_version(spec: DeploymentSpec, model: RegisteredModel, errors: dict[str, list[str]]) -> ModelVersion | None:
    versions = model.versions.filter(removed_at=None)
    if spec.version.startswith("@"):
        alias = spec.version[1:]
        version = next((row for row in versions if alias in row.aliases), None)
        missing = f"{spec.model} has no alias {alias}."
    else:
        version = versions.filter(version=int(spec.version)).first()
        newest = versions.first()
        missing = f"{spec.model} has no version {spec.version}" + (
            f"; the newest is {newest.version}." if newest else "; it has no versions yet."
        )
    if version is None:
        errors["version"] = [missing]
    elif version.status != ModelVersionStatus.READY:
        errors["version"] = [f"Version {version.version} is not ready: {version.get_status_display()}."]
    else:
        return version
    return None


def _check_name(
    spec: DeploymentSpec,
    environment: Environment,
    deployment: Deployment | None,
    errors: dict[str, list[str]],
) -> None:
    if deployment:
        return
    taken = Deployment.objects.live().filter(workspace=environment.workspace, name=spec.name).first()
    if taken:
        errors["name"] = [
            f"The name is taken: endpoint names are unique in a workspace, and {taken.team} uses it "
            f"in {taken.environment}."
        ]


def _check_unchangeable(spec: DeploymentSpec, deployment: Deployment | None, errors: dict[str, list[str]]) -> None:
    if deployment is None:
        return
    for field, now in (
        ("name", deployment.name),
        ("environment", deployment.environment.slug),
        ("model", deployment.model.full_name),
    ):
        if getattr(spec, field) != now:
            errors.setdefault(field, []).append(f"This cannot change in an update: it is {now}.")
