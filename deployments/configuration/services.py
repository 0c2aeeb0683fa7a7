"""Actions on a configuration change: check again, accept it, or revert it."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.db import transaction

from accounts.models import User
from accounts.teams.roles import Action
from deployments.configuration.checking import live_variables
from deployments.configuration.live_spec import spec_of
from deployments.configuration.models import ConfigCheck
from deployments.configuration.tasks import check_config
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import require
from deployments.deployment.specs import DeploymentSpec, parse_spec
from deployments.runs.models import Run
from deployments.runs.requests import refuse_destroyed
from deployments.runs.services import request_update
from deployments.runs.statuses import GOOD, UNFINISHED, RunKind
from web.errors import Invalid, Refused


def check_configuration(*, deployment: Deployment, actor: User) -> None:
    """Start a task that checks the endpoint."""
    require(actor, Action.VIEW, deployment)
    refuse_destroyed(deployment)
    transaction.on_commit(lambda: check_config.delay(deployment.pk), robust=True)


def accept_configuration(*, deployment: Deployment, actor: User, fingerprint: str = "") -> ConfigCheck:
    """Make the live configuration the requested one, as the last check saw it. The endpoint is not changed.

    Raises Refused if ``fingerprint`` is given and the endpoint has changed since that check.
    """
    found = _drifted(deployment, actor)
    if fingerprint and fingerprint != found.fingerprint:
        raise Refused(
            "changed_again", "The endpoint has changed again since you looked. Review the current differences."
        )
    variables = live_variables(found)
    if not variables:
        raise Refused("gone", "The endpoint is gone. Revert to create it again, or destroy the deployment.")
    spec = _accepted_spec(deployment, variables)
    with transaction.atomic():
        now = Deployment.objects.select_for_update().get(pk=deployment.pk)
        if now.intended != deployment.intended or _unfinished(now):
            raise Refused("at_work", "A run has started in the meantime. Try again when it has ended.")
        now.spec = now.intended_spec = spec.as_json()
        now.intended = variables
        now.save(update_fields=["spec", "intended_spec", "intended"])
        _audit(now, actor, found)
        ConfigCheck.objects.filter(pk=found.pk).update(
            status=ConfigCheck.Status.IN_SYNC, differences=[], first_seen_at=None
        )
    deployment.refresh_from_db()
    found.refresh_from_db()
    return found


def revert_configuration(*, deployment: Deployment, actor: User) -> Run:
    """Start a run with the last successful spec. Its plan shows what will be restored."""
    _drifted(deployment, actor)
    spec = last_good_spec(deployment)
    if spec is None:
        raise Refused("no_good_run", "No run of this deployment has succeeded yet.")
    return request_update(deployment=deployment, spec=spec, actor=actor)


def last_good_spec(deployment: Deployment) -> DeploymentSpec | None:
    """The spec that was last applied or accepted; None before the first successful run."""
    if deployment.intended_spec:
        return parse_spec(deployment.intended_spec)
    good = deployment.runs.filter(status__in=GOOD).exclude(kind=RunKind.DESTROY).first()
    return good.parsed_spec() if good else None


def _drifted(deployment: Deployment, actor: User) -> ConfigCheck:
    require(actor, Action.DEPLOY, deployment)
    refuse_destroyed(deployment)
    if run := _unfinished(deployment):
        raise Refused("at_work", f"Run #{run.pk} has not ended. Try again when it has.")
    found = ConfigCheck.objects.filter(deployment=deployment, status=ConfigCheck.Status.DRIFTED).first()
    if found is None:
        raise Refused("not_drifted", "The last check found no change by hand.")
    return found


def _unfinished(deployment: Deployment) -> Run | None:
    return deployment.runs.filter(status__in=UNFINISHED).first()


def _accepted_spec(deployment: Deployment, variables: dict[str, object]) -> DeploymentSpec:
    base = deployment.intended_spec or deployment.spec
    given = {
        name: value
        for name, value in (deployment.intended.get("tags") or {}).items()
        if name not in (base.get("tags") or {})
    }
    try:
        spec = spec_of(variables, base, given)
    except Invalid as error:
        raise Refused(
            "cannot_accept", f"No spec can describe the live configuration. {error.text} Revert restores the last one."
        ) from None
    if spec.model != deployment.model.full_name:
        raise Refused(
            "other_model", f"The endpoint serves {spec.model}, but this deployment is for {deployment.model.full_name}."
        )
    return spec


def _audit(deployment: Deployment, actor: User, found: ConfigCheck) -> None:
    changes = {row["field"]: [row["intended"], row["live"]] for row in found.differences}
    LogEntry.objects.log_create(deployment, force_log=True, action=LogEntry.Action.UPDATE, changes=changes, actor=actor)
