"""``/api/2.0/permissions``: access control lists of workspace objects."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.permissions.acls import TYPES, AccessControlList, change, require_known, require_level, view

router = APIRouter(prefix="/api/2.0/permissions/{object_type}/{object_id}")


@router.get("")
def get_permissions(object_type: str, object_id: str, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    require_known(store, object_type, object_id)
    require_level(store, who, object_type, object_id, next(iter(TYPES[object_type].levels)))
    return view(store, object_type, object_id)


@router.get("/permissionLevels")
def get_levels(object_type: str, object_id: str, _: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    require_known(store, object_type, object_id)
    levels = TYPES[object_type].levels.items()
    return {"permission_levels": [{"permission_level": level, "description": text} for level, text in levels]}


@router.put("")
def set_permissions(
    object_type: str, object_id: str, body: AccessControlList, who: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    """Replaces all direct entries. Inherited entries stay."""
    return change(store, object_type, object_id, body, who, replace_all=True)


@router.patch("")
def update_permissions(
    object_type: str, object_id: str, body: AccessControlList, who: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    """Replaces the entries of the principals that the request names."""
    return change(store, object_type, object_id, body, who, replace_all=False)
