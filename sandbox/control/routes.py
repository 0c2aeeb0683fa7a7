"""``/_sandbox/``: health, faults, request counts and principals, for demos and tests. Not part of Databricks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from sandbox.control.dependencies import from_this_machine
from sandbox.control.faults import Fault, Faults
from sandbox.identity.principals import (
    ADMINS,
    USER,
    Principal,
    add_token,
    ensure_principal,
    find_by_name,
    list_principals,
    new_token,
)
from sandbox.store import Store
from sandbox.web.errors import ApiError, already_exists, not_found

router = APIRouter(prefix="/_sandbox", dependencies=[Depends(from_this_machine)])


class NewPrincipal(BaseModel):
    user_name: str = Field(min_length=1)
    display_name: str = ""
    token: str = ""
    groups: list[str] = []
    admin: bool = False


@router.get("/health")
async def health(request: Request) -> dict[str, str]:
    """200 once every part answers, including MLflow; 503 until then."""
    if not await request.app.state.mlflow.is_healthy():
        raise ApiError(503, "TEMPORARILY_UNAVAILABLE", "The MLflow server does not answer yet.")
    return {"status": "ok"}


@router.get("/faults")
def list_faults(request: Request) -> dict[str, list[Fault]]:
    return {"faults": _faults(request).all()}


@router.post("/faults")
def add_fault(fault: Fault, request: Request) -> Fault:
    if any(known.id == fault.id for known in _faults(request).all()):
        raise already_exists(f"Fault {fault.id} already exists.")
    _faults(request).add(fault)
    return fault


@router.delete("/faults")
def clear_faults(request: Request) -> dict[str, Any]:
    _faults(request).clear()
    return {}


@router.delete("/faults/{fault_id}")
def remove_fault(fault_id: str, request: Request) -> dict[str, Any]:
    if not _faults(request).remove(fault_id):
        raise not_found(f"Fault {fault_id} does not exist: it was removed or used up.")
    return {}


@router.get("/requests")
def count_requests(
    request: Request, after: Annotated[int, Query(ge=0)] = 0, method: str = "", path: str = ""
) -> dict[str, Any]:
    """``path`` is the template of a route, such as ``/api/2.0/serving-endpoints/{name}``."""
    cursor, counts = request.app.state.request_log.counts(after, method.upper(), path)
    renamed = [
        {"method": c["method"], "path": c["template"], "status": c["status"], "count": c["count"]} for c in counts
    ]
    return {"cursor": cursor, "total": sum(c["count"] for c in counts), "counts": renamed}


@router.get("/principals")
def get_principals(request: Request) -> dict[str, list[Principal]]:
    store: Store = request.app.state.store
    with store.reading() as connection:
        return {"principals": list_principals(connection, USER)}


@router.post("/principals")
def put_principal(body: NewPrincipal, request: Request) -> dict[str, Any]:
    """Creates the user or sets its groups. Returns the given token, or a new one."""
    store: Store = request.app.state.store
    groups = [*body.groups, ADMINS] if body.admin else body.groups
    token = body.token or new_token()
    with store.connection() as connection:
        known = find_by_name(connection, body.user_name)
        if known is not None and known.kind != USER:
            raise already_exists(f"{body.user_name} is a service principal.")
        principal = ensure_principal(connection, body.user_name, USER, groups, body.display_name)
        add_token(connection, token, principal)
    return {
        "id": principal.id,
        "user_name": principal.user_name,
        "groups": list(principal.groups),
        "admin": principal.is_admin,
        "token": token,
    }


def _faults(request: Request) -> Faults:
    faults: Faults = request.app.state.faults
    return faults
