"""Permissions on endpoints."""

from __future__ import annotations

from fastapi import Request

from sandbox.identity.principals import Principal
from sandbox.permissions import acls
from sandbox.web.errors import denied

OBJECT_TYPE = "serving-endpoints"
CAN_VIEW, CAN_QUERY, CAN_MANAGE = "CAN_VIEW", "CAN_QUERY", "CAN_MANAGE"
# The names of the levels in the documented error message.
ABILITIES = {CAN_VIEW: "View", CAN_QUERY: "Query", CAN_MANAGE: "Manage"}
LEVELS = tuple(ABILITIES)


def grant_creator(request: Request, creator: Principal, endpoint_id: str) -> None:
    acls.register(request.app.state.store, OBJECT_TYPE, endpoint_id, creator)


def highest_level(request: Request, who: Principal, endpoint_id: str) -> str | None:
    return acls.permission_level(request.app.state.store, who, OBJECT_TYPE, endpoint_id)


def has_level(request: Request, who: Principal, endpoint_id: str, level: str) -> bool:
    held = highest_level(request, who, endpoint_id)
    return held is not None and LEVELS.index(held) >= LEVELS.index(level)


def require_level(request: Request, who: Principal, endpoint_id: str, level: str, name: str) -> None:
    """Raises ApiError 403 with the message of a workspace."""
    if not has_level(request, who, endpoint_id, level):
        raise denied(f"User does not have permission '{ABILITIES[level]}' on Endpoint {name}.")
