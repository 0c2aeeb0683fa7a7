"""Access control lists of workspace objects. A list is kept after its object is deleted."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.identity.principals import ADMINS, SERVICE_PRINCIPAL, USER, Principal, find_by_name
from sandbox.store import Store
from sandbox.web.bodies import Body
from sandbox.web.errors import denied, invalid, not_found

SCHEMA = """
CREATE TABLE IF NOT EXISTS acl_objects (
    object_type TEXT NOT NULL, object_id TEXT NOT NULL, PRIMARY KEY (object_type, object_id));
CREATE TABLE IF NOT EXISTS acl_entries (
    object_type TEXT NOT NULL, object_id TEXT NOT NULL, principal_kind TEXT NOT NULL, principal TEXT NOT NULL,
    permission_level TEXT NOT NULL, PRIMARY KEY (object_type, object_id, principal_kind, principal));
"""
CAN_MANAGE, IS_OWNER = "CAN_MANAGE", "IS_OWNER"
GROUP = "group"


@dataclass(frozen=True)
class ObjectType:
    """A type of workspace object and its permission levels."""

    #: The name in responses.
    name: str
    #: Levels and descriptions, weakest first.
    levels: Mapping[str, str]


TYPES = {
    "serving-endpoints": ObjectType(
        "serving-endpoint",
        {
            "CAN_VIEW": "Can view the serving endpoint",
            "CAN_QUERY": "Can query the serving endpoint",
            CAN_MANAGE: "Can manage the serving endpoint",
        },
    ),
    "registered-models": ObjectType(
        "registered-model",
        {
            "CAN_READ": "Can read the model and its versions",
            "CAN_EDIT": "Can edit the model and its versions",
            "CAN_MANAGE_STAGING_VERSIONS": "Can manage staging versions",
            "CAN_MANAGE_PRODUCTION_VERSIONS": "Can manage production versions",
            CAN_MANAGE: "Can manage the model",
        },
    ),
    "jobs": ObjectType(
        "job",
        {
            "CAN_VIEW": "Can view the job",
            "CAN_MANAGE_RUN": "Can manage runs of the job",
            CAN_MANAGE: "Can manage the job",
            IS_OWNER: "Is the owner of the job",
        },
    ),
}
LEVEL_OF_CREATOR = {"serving-endpoints": CAN_MANAGE, "registered-models": CAN_MANAGE, "jobs": IS_OWNER}


def register(store: Store, object_type: str, object_id: str, creator: Principal) -> None:
    """Creates the list of a new object, whose creator can manage it. ``object_type`` is the one of the URL path."""
    with store.connection() as connection:
        connection.execute("INSERT OR IGNORE INTO acl_objects VALUES (?, ?)", (object_type, object_id))
        entry = (creator.kind, creator.user_name, LEVEL_OF_CREATOR[object_type])
        _put(connection, object_type, object_id, [entry])


def permission_level(store: Store, principal: Principal, object_type: str, object_id: str) -> str | None:
    """The strongest level of the principal, directly or through a group; None without any level."""
    levels = list(TYPES[object_type].levels)
    if principal.is_admin:
        return levels[-1]
    with store.reading() as connection:
        entries = _entries(connection, object_type, object_id)
    held = [level for kind, name, level in entries if _is_meant(principal, kind, name)]
    return max(held, key=levels.index, default=None)


class Entry(Body):
    user_name: str | None = None
    group_name: str | None = None
    service_principal_name: str | None = None
    permission_level: str


class AccessControlList(Body):
    access_control_list: list[Entry] | None = None


def require_level(store: Store, principal: Principal, object_type: str, object_id: str, level: str) -> None:
    """Raises ApiError 403 if the principal does not have ``level`` or a stronger one."""
    levels = list(TYPES[object_type].levels)
    held = permission_level(store, principal, object_type, object_id)
    if held is None or levels.index(held) < levels.index(level):
        what = TYPES[object_type].name
        raise denied(f"{principal.user_name} does not have {level} permissions on {what} {object_id}.")


def change(
    store: Store, object_type: str, object_id: str, body: AccessControlList, who: Principal, *, replace_all: bool
) -> dict[str, Any]:
    require_known(store, object_type, object_id)
    require_level(store, who, object_type, object_id, CAN_MANAGE)
    with store.connection() as connection:
        entries = [_resolved(connection, object_type, entry) for entry in body.access_control_list or []]
        if replace_all:
            connection.execute(
                "DELETE FROM acl_entries WHERE object_type = ? AND object_id = ?", (object_type, object_id)
            )
        _put(connection, object_type, object_id, entries)
        _check_owner(connection, object_type, object_id)
    return view(store, object_type, object_id)


def _check_owner(connection: sqlite3.Connection, object_type: str, object_id: str) -> None:
    if IS_OWNER not in TYPES[object_type].levels:
        return
    held = [level for _, _, level in _entries(connection, object_type, object_id)]
    if held.count(IS_OWNER) != 1:
        raise invalid(f"The {TYPES[object_type].name} must have exactly one owner.")


def require_known(store: Store, object_type: str, object_id: str) -> None:
    if object_type not in TYPES:
        raise invalid(f"Object type '{object_type}' is not supported.")
    with store.reading() as connection:
        row = connection.execute(
            "SELECT 1 FROM acl_objects WHERE object_type = ? AND object_id = ?", (object_type, object_id)
        ).fetchone()
    if row is None:
        raise not_found(f"{TYPES[object_type].name} with ID '{object_id}' does not exist.")


def _resolved(connection: sqlite3.Connection, object_type: str, entry: Entry) -> tuple[str, str, str]:
    """Kind, name and level. As in the real API, user_name can name a service principal, which is stored as one."""
    named = {
        USER: entry.user_name,
        GROUP: entry.group_name,
        SERVICE_PRINCIPAL: entry.service_principal_name,
    }
    given = [(kind, name) for kind, name in named.items() if name]
    if len(given) != 1:
        raise invalid("Exactly one of user_name, group_name and service_principal_name must be set.")
    if entry.permission_level not in TYPES[object_type].levels:
        raise invalid(f"Permission level '{entry.permission_level}' is not supported for {TYPES[object_type].name}.")
    kind, name = given[0]
    if kind == USER:
        known = find_by_name(connection, name)
        kind = known.kind if known else _kind_of_unknown(name)
    return kind, name, entry.permission_level


def _kind_of_unknown(name: str) -> str:
    try:
        uuid.UUID(name)
    except ValueError:
        return USER
    return SERVICE_PRINCIPAL


def _put(connection: sqlite3.Connection, object_type: str, object_id: str, entries: list[tuple[str, str, str]]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO acl_entries VALUES (?, ?, ?, ?, ?)",
        [(object_type, object_id, *entry) for entry in entries],
    )


def _entries(connection: sqlite3.Connection, object_type: str, object_id: str) -> list[tuple[str, str, str]]:
    rows = connection.execute(
        "SELECT principal_kind, principal, permission_level FROM acl_entries "
        "WHERE object_type = ? AND object_id = ? ORDER BY principal_kind, principal",
        (object_type, object_id),
    ).fetchall()
    return [(row["principal_kind"], row["principal"], row["permission_level"]) for row in rows]


def _is_meant(principal: Principal, kind: str, name: str) -> bool:
    if kind == GROUP:
        return name in principal.groups
    return name.lower() == principal.user_name.lower()


def view(store: Store, object_type: str, object_id: str) -> dict[str, Any]:
    """The direct entries, then the workspace admins, who inherit CAN_MANAGE from the root."""
    with store.reading() as connection:
        entries = _entries(connection, object_type, object_id)
        shown = [_entry_view(connection, kind, name, level) for kind, name, level in entries]
    inherited = {"permission_level": CAN_MANAGE, "inherited": True, "inherited_from_object": [f"/{object_type}/"]}
    shown = [item for item in shown if item.get("group_name") != ADMINS]
    return {
        "object_id": f"/{object_type}/{object_id}",
        "object_type": TYPES[object_type].name,
        "access_control_list": [*shown, {"group_name": ADMINS, "all_permissions": [inherited]}],
    }


def _entry_view(connection: sqlite3.Connection, kind: str, name: str, level: str) -> dict[str, Any]:
    permission = {"permission_level": level, "inherited": False}
    if kind == GROUP:
        return {"group_name": name, "all_permissions": [permission]}
    known = find_by_name(connection, name)
    key = "service_principal_name" if kind == SERVICE_PRINCIPAL else "user_name"
    return {key: name, "display_name": known.display_name if known else name, "all_permissions": [permission]}
