"""``/api/2.1/unity-catalog/permissions`` and its newer paths. A model is a securable of type ``function``."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, Query

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.unity_catalog.securables import access, names, objects
from sandbox.unity_catalog.securables.objects import (
    CATALOG,
    LEVELS,
    METASTORE,
    MODEL,
    SCHEMA_KIND,
    TABLE,
    VOLUME,
    UcObject,
)
from sandbox.web.bodies import Body
from sandbox.web.errors import invalid
from sandbox.web.paging import Page, RequestedPage

router = APIRouter(prefix="/api/2.1/unity-catalog")
KIND_OF_SECURABLE = {
    "metastore": METASTORE,
    "catalog": CATALOG,
    "schema": SCHEMA_KIND,
    "table": TABLE,
    "volume": VOLUME,
    "function": MODEL,
}
SECURABLE_OF_KIND = {kind: securable.upper() for securable, kind in KIND_OF_SECURABLE.items()}
# databricks.sdk.service.catalog.Privilege
PRIVILEGES = frozenset(
    (
        "ACCESS",
        "ALL_PRIVILEGES",
        "APPLY_TAG",
        "BROWSE",
        "CREATE",
        "CREATE_CATALOG",
        "CREATE_CLEAN_ROOM",
        "CREATE_CONNECTION",
        "CREATE_EXTERNAL_LOCATION",
        "CREATE_EXTERNAL_TABLE",
        "CREATE_EXTERNAL_VOLUME",
        "CREATE_FOREIGN_CATALOG",
        "CREATE_FOREIGN_SECURABLE",
        "CREATE_FUNCTION",
        "CREATE_MANAGED_STORAGE",
        "CREATE_MATERIALIZED_VIEW",
        "CREATE_MODEL",
        "CREATE_PROVIDER",
        "CREATE_RECIPIENT",
        "CREATE_SCHEMA",
        "CREATE_SERVICE_CREDENTIAL",
        "CREATE_SHARE",
        "CREATE_STORAGE_CREDENTIAL",
        "CREATE_TABLE",
        "CREATE_VIEW",
        "CREATE_VOLUME",
        "EXECUTE",
        "EXECUTE_CLEAN_ROOM_TASK",
        "EXTERNAL_USE_LOCATION",
        "EXTERNAL_USE_SCHEMA",
        "MANAGE",
        "MANAGE_ALLOWLIST",
        "MODIFY",
        "MODIFY_CLEAN_ROOM",
        "READ_FILES",
        "READ_METADATA",
        "READ_PRIVATE_FILES",
        "READ_VOLUME",
        "REFRESH",
        "SELECT",
        "SET_SHARE_PERMISSION",
        "USAGE",
        "USE_CATALOG",
        "USE_CONNECTION",
        "USE_MARKETPLACE_ASSETS",
        "USE_PROVIDER",
        "USE_RECIPIENT",
        "USE_SCHEMA",
        "USE_SHARE",
        "WRITE_FILES",
        "WRITE_PRIVATE_FILES",
        "WRITE_VOLUME",
    )
)


class Change(Body):
    principal: str
    add: list[str] | None = None
    remove: list[str] | None = None


class Changes(Body):
    changes: list[Change] | None = None
    omit_permissions_in_response: bool = False


PrincipalFilter = Annotated[str, Query()]


@router.get("/permissions/{securable_type}/{full_name}")
@router.get("/privilege-assignments/{securable_type}/{full_name}")
def get_grants(
    securable_type: str,
    full_name: str,
    page: RequestedPage,
    _: CurrentPrincipal,
    store: CurrentStore,
    principal: PrincipalFilter = "",
) -> dict[str, Any]:
    with store.reading() as connection:
        known = _securable(connection, securable_type, full_name)
        return _assignments(connection, known, page, principal)


@router.patch("/permissions/{securable_type}/{full_name}")
def change_grants(
    securable_type: str, full_name: str, body: Changes, who: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    changes = [_checked(change) for change in body.changes or []]
    with store.connection() as connection:
        known = _securable(connection, securable_type, full_name)
        access.require(connection, who, known, access.MANAGE)
        for principal, added, removed in changes:
            access.revoke(connection, known, principal, removed)
            access.grant(connection, known, principal, added)
        return {} if body.omit_permissions_in_response else _assignments(connection, known, Page(), "")


@router.get("/effective-permissions/{securable_type}/{full_name}")
def get_effective_grants(
    securable_type: str,
    full_name: str,
    page: RequestedPage,
    _: CurrentPrincipal,
    store: CurrentStore,
    principal: PrincipalFilter = "",
) -> dict[str, Any]:
    assignments, more = _effective(store, securable_type, full_name, page, principal)
    return {"privilege_assignments": assignments, **more}


@router.get("/effective-privilege-assignments/{securable_type}/{full_name}")
def get_effective_assignments(
    securable_type: str,
    full_name: str,
    page: RequestedPage,
    _: CurrentPrincipal,
    store: CurrentStore,
    principal: PrincipalFilter = "",
) -> dict[str, Any]:
    assignments, more = _effective(store, securable_type, full_name, page, principal)
    return {"effective_privilege_assignments": assignments, **more}


def _securable(connection: sqlite3.Connection, securable_type: str, full_name: str) -> UcObject:
    kind = KIND_OF_SECURABLE.get(securable_type.lower())
    if kind is None:
        raise invalid(f"Securable type '{securable_type}' is not supported.")
    return objects.get(connection, kind, names.full_name(full_name, LEVELS[kind], kind))


def _assignments(connection: sqlite3.Connection, known: UcObject, page: Page, principal: str) -> dict[str, Any]:
    granted = [item for item in access.grants_on(connection, known).items() if principal in ("", item[0])]
    shown, more = page.cut(granted, lambda item: item[0])
    return {"privilege_assignments": [{"principal": who, "privileges": what} for who, what in shown], **more}


def _effective(
    store: CurrentStore, securable_type: str, full_name: str, page: Page, principal: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The privileges granted on the object and its ancestors. Inherited privileges name their origin."""
    found: dict[str, list[dict[str, str]]] = {}
    with store.reading() as connection:
        known = _securable(connection, securable_type, full_name)
        for object_ in access.ancestry(connection, known):
            for who, privileges in access.grants_on(connection, object_).items():
                found.setdefault(who, []).extend(_effective_privilege(known, object_, name) for name in privileges)
    granted = [item for item in sorted(found.items()) if principal in ("", item[0])]
    shown, more = page.cut(granted, lambda item: item[0])
    return [{"principal": who, "privileges": what} for who, what in shown], more


def _effective_privilege(known: UcObject, granted_on: UcObject, privilege: str) -> dict[str, str]:
    if granted_on.id == known.id:
        return {"privilege": privilege}
    inherited = {
        "inherited_from_name": granted_on.full_name,
        "inherited_from_type": SECURABLE_OF_KIND[granted_on.kind],
    }
    return {"privilege": privilege, **inherited}


def _checked(change: Change) -> tuple[str, list[str], list[str]]:
    if not change.principal:
        raise invalid("A change must name its principal.")
    added, removed = _known_privileges(change.add), _known_privileges(change.remove)
    if set(added) & set(removed):
        raise invalid(f"Duplicate privileges to add and delete for principal {change.principal}.")
    return change.principal, added, removed


def _known_privileges(given: list[str] | None) -> list[str]:
    privileges = [name.upper().replace(" ", "_") for name in given or []]
    for name in privileges:
        if name not in PRIVILEGES:
            raise invalid(f"Privilege {name} is not known.")
    return privileges
