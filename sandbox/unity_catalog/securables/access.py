"""Privileges: the grants on an object, and what a principal can do with it.

Every principal can read the metadata of all objects, as if BROWSE were granted to everyone. Changes need a privilege.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sandbox.config import METASTORE_ID
from sandbox.identity.principals import Principal
from sandbox.unity_catalog.securables.objects import CATALOG, LABELS, METASTORE, SCHEMA_KIND, UcObject, find
from sandbox.web.errors import denied

ALL_PRIVILEGES, MANAGE = "ALL_PRIVILEGES", "MANAGE"
ACCOUNT_USERS = "account users"


def grants_on(connection: sqlite3.Connection, known: UcObject) -> dict[str, list[str]]:
    """The privileges of each principal, both sorted."""
    grants: dict[str, list[str]] = {}
    for row in connection.execute(
        "SELECT principal, privilege FROM uc_grants WHERE object_id = ? ORDER BY principal, privilege", (known.id,)
    ):
        grants.setdefault(row["principal"], []).append(row["privilege"])
    return grants


def grant(connection: sqlite3.Connection, known: UcObject, principal: str, privileges: Iterable[str]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO uc_grants (object_id, principal, privilege) VALUES (?, ?, ?)",
        [(known.id, principal, privilege) for privilege in privileges],
    )


def revoke(connection: sqlite3.Connection, known: UcObject, principal: str, privileges: Iterable[str]) -> None:
    connection.executemany(
        "DELETE FROM uc_grants WHERE object_id = ? AND principal = ? AND privilege = ?",
        [(known.id, principal, privilege) for privilege in privileges],
    )


def ancestry(connection: sqlite3.Connection, known: UcObject) -> list[UcObject]:
    """The object and the objects from which it inherits privileges: its schema, its catalog and the metastore."""
    parts = known.full_name.split(".")
    above = [(SCHEMA_KIND, ".".join(parts[:2]))] if len(parts) == 3 else []
    above += [(CATALOG, parts[0])] if len(parts) >= 2 else []
    above += [(METASTORE, METASTORE_ID)] if known.kind != METASTORE else []
    return [known, *(found for kind, name in above if (found := find(connection, kind, name)))]


def is_allowed(connection: sqlite3.Connection, who: Principal, known: UcObject, privilege: str) -> bool:
    """Admins and owners can do everything. ALL_PRIVILEGES includes all but MANAGE. Privileges are inherited."""
    if who.is_admin:
        return True
    names = {who.user_name, *who.groups, ACCOUNT_USERS}
    enough = {privilege, MANAGE} if privilege == MANAGE else {privilege, MANAGE, ALL_PRIVILEGES}
    for object_ in ancestry(connection, known):
        if object_.owner in names:
            return True
        granted = grants_on(connection, object_)
        if any(enough.intersection(granted.get(name, ())) for name in names):
            return True
    return False


def require(connection: sqlite3.Connection, who: Principal, known: UcObject, privilege: str) -> None:
    """Raises ApiError 403."""
    if not is_allowed(connection, who, known, privilege):
        what = LABELS[known.kind]
        raise denied(f"User does not have {privilege.replace('_', ' ')} on {what} '{known.full_name}'.")
