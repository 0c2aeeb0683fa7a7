"""Preflight: finds problems that would make the run fail later, and suggests fixes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.runs.statuses import RunKind, RunStatus
from deployments.stages.adopting import MANAGED_TAG
from deployments.stages.context import Context
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.preflight import validating
from deployments.stages.preflight.check import Check, log_check, note_checks, preflight_record
from deployments.tfstate import store as statestore
from integrations.databricks.records import Endpoint
from integrations.errors import IntegrationError

QUICK = {"Identity", "Model version", "Grant", "Endpoint", "Endpoint name"}

# The workspace identifies a service principal by its application id and a person by their e-mail address.
APPLICATION_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def run_stage(context: Context) -> Outcome:
    found = validating.under_way(context)
    if context.cancelled:
        validating.stop(context, found)
        return End(RunStatus.CANCELLED, "cancelled before preflight was done")
    quick = _quick_checks(context) if found is None else _quick_checks_before(context)
    if isinstance(quick, Wait):
        return quick
    if _failed(quick):
        return _verdict(quick)
    more = validating.step(context, found)
    if isinstance(more, Wait):
        return more
    for check in more:
        log_check(context, check)
    note_checks(context, [*quick, *more])
    return _verdict([*quick, *more])


def _quick_checks(context: Context) -> Wait | list[Check]:
    """Checks that need only a few requests to the workspace."""
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    if endpoint and endpoint.is_updating:
        return Wait(5, "another update of the endpoint is in progress; Databricks allows one at a time")
    checks = []
    for check in _checks(context, endpoint):
        checks.append(check)
        log_check(context, check)
    note_checks(context, checks)
    return checks


def _quick_checks_before(context: Context) -> list[Check]:
    """The stored results of the quick checks, from before the validation started."""
    record = preflight_record(context)
    noted = [Check(**row) for row in record.detail.get("checks", [])] if record else []
    return [check for check in noted if check.name in QUICK]


def _failed(checks: list[Check]) -> list[Check]:
    return [check for check in checks if check.result == "fail"]


def _verdict(checks: list[Check]) -> Outcome:
    failed = _failed(checks)
    if failed:
        return End(RunStatus.FAILED, " ".join(f"{check.message} {check.fix}".strip() for check in failed))
    return GoOn(RunStatus.PLAN, f"preflight passed: {len(checks)} checks")


def _checks(context: Context, endpoint: Endpoint | None) -> Iterator[Check]:
    yield _identity(context)
    if context.run.kind == RunKind.DESTROY:
        found = "it exists" if endpoint else "it is already gone"
        yield Check("Endpoint", "pass" if endpoint else "warn", f"{found}.")
        return
    yield _version(context)
    yield _grant(context)
    yield _adoptable(context, endpoint) if context.run.kind == RunKind.ADOPT else _name(context, endpoint)


def _identity(context: Context) -> Check:
    """Warns if the creator would be a person: the endpoint always reads Unity Catalog with its creator's rights."""
    me = context.workspace.current_user()
    if APPLICATION_ID.fullmatch(me):
        return Check("Identity", "pass", f"the endpoint is created by the service principal {me}.")
    return Check(
        "Identity",
        "warn",
        f"the endpoint would be created by the user {me}.",
        "Use a service principal: an endpoint stops working when its creator leaves.",
    )


def _version(context: Context) -> Check:
    spec = context.spec
    try:
        version = context.workspace.get_version(spec.model, int(spec.version))
    except IntegrationError as error:
        if not error.permanent:
            raise
        return Check(
            "Model version",
            "fail",
            f"{spec.model} version {spec.version} cannot be read: {error.message}",
            f"Register it in the catalog of {spec.environment} first.",
        )
    if version.status != "READY":
        return Check("Model version", "fail", f"version {spec.version} is {version.status}, not READY.")
    return Check("Model version", "pass", f"{spec.model} version {spec.version} is READY.")


def _grant(context: Context) -> Check:
    principal = context.workspace.current_user()
    try:
        granted = context.workspace.has_grant(context.spec.model, principal, "EXECUTE")
    except IntegrationError as error:
        if not error.permanent:
            raise
        return Check("Grant", "warn", f"grants on the model cannot be read: {error.message}")
    if granted:
        return Check("Grant", "pass", f"{principal} has EXECUTE on the model.")
    return Check(
        "Grant",
        "fail",
        f"{principal} does not have EXECUTE on {context.spec.model}.",
        f"GRANT EXECUTE ON FUNCTION {context.spec.model} TO `{principal}`;",
    )


def _adoptable(context: Context, endpoint: Endpoint | None) -> Check:
    name = context.run.deployment.name
    if endpoint is None:
        return Check("Endpoint", "fail", f"there is no endpoint {name} to adopt.")
    if not APPLICATION_ID.fullmatch(endpoint.creator):
        return Check(
            "Endpoint",
            "warn",
            f"{name} was created by {endpoint.creator or 'an unknown user'} and keeps using those rights.",
            "A new endpoint under another name would be created by Slipway's service principal.",
        )
    return Check("Endpoint", "pass", f"{name} exists, created by {endpoint.creator}.")


def _name(context: Context, endpoint: Endpoint | None) -> Check:
    if endpoint is None:
        return Check("Endpoint name", "pass", "the name is free.")
    ours = endpoint.tags.get(MANAGED_TAG) == str(context.run.deployment_id)
    if ours or statestore.resource_addresses(context.run.deployment_id):
        return Check("Endpoint name", "pass", "the endpoint is managed by this deployment.")
    return Check(
        "Endpoint name",
        "fail",
        f"an endpoint {endpoint.name} exists that Slipway does not manage (created by {endpoint.creator}).",
        "Choose another name.",
    )
