"""Permissions on jobs and their runs, and the identity of tasks. A submitted run has its own job id."""

from __future__ import annotations

from fastapi import Request

from sandbox.identity.principals import Principal, add_token, find_by_name, new_token, revoke_token
from sandbox.jobs.api.bodies import RunAsBody, RunSettingsBody
from sandbox.permissions import acls
from sandbox.permissions.acls import AccessControlList
from sandbox.store import Store
from sandbox.web.errors import denied, invalid

OBJECT_TYPE = "jobs"
CAN_VIEW, CAN_MANAGE_RUN, CAN_MANAGE = "CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"
LEVELS = tuple(acls.TYPES[OBJECT_TYPE].levels)
# Longer than the longest run. A token is revoked when its task ends.
TOKEN_LIFETIME_S = 7 * 24 * 3600.0


def register(request: Request, who: Principal, job_id: int, settings: RunSettingsBody) -> None:
    """Makes `who` the owner and applies the access control list of the request."""
    store: Store = request.app.state.store
    acls.register(store, OBJECT_TYPE, str(job_id), who)
    if settings.access_control_list:
        body = AccessControlList.model_validate({"access_control_list": settings.access_control_list})
        acls.change(store, OBJECT_TYPE, str(job_id), body, who, replace_all=False)


def require(request: Request, who: Principal, job_id: int, level: str) -> None:
    """Raises ApiError 403."""
    acls.require_level(request.app.state.store, who, OBJECT_TYPE, str(job_id), level)


def may(request: Request, who: Principal, job_id: int, level: str) -> bool:
    held = acls.permission_level(request.app.state.store, who, OBJECT_TYPE, str(job_id))
    return held is not None and LEVELS.index(held) >= LEVELS.index(level)


def run_as_name(request: Request, who: Principal, run_as: RunAsBody | None) -> str:
    """Only an admin can run a job as another principal."""
    if run_as is None:
        return who.user_name
    given = [name for name in (run_as.user_name, run_as.service_principal_name) if name]
    if len(given) != 1 or run_as.group_name:
        raise invalid("run_as must name exactly one user or service principal.")
    found = principal(request.app.state.store, given[0])
    if found.id != who.id and not who.is_admin:
        raise denied(f"{who.user_name} may not run jobs as {found.user_name}.")
    return found.user_name


def principal(store: Store, user_name: str) -> Principal:
    with store.reading() as connection:
        found = find_by_name(connection, user_name)
    if found is None:
        raise invalid(f"Principal {user_name} does not exist.")
    return found


def issue_token(store: Store, who: Principal) -> str:
    token = new_token()
    with store.connection() as connection:
        add_token(connection, token, who, TOKEN_LIFETIME_S)
    return token


def revoke(store: Store, token: str) -> None:
    with store.connection() as connection:
        revoke_token(connection, token)
