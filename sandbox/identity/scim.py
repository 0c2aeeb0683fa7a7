"""``/api/2.0/preview/scim/v2``: the current principal, users, service principals and groups."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.identity.principals import SERVICE_PRINCIPAL, USER, Principal, find_principal, list_principals
from sandbox.store import Store
from sandbox.web.errors import invalid, not_found

PREFIX = "/api/2.0/preview/scim/v2"
router = APIRouter(prefix=PREFIX)
SCHEMAS = "urn:ietf:params:scim:schemas:core:2.0"
LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
FILTER = re.compile(
    r'\s*(?P<attribute>\w+)\s+(?P<operator>eq|co|sw)\s+["\']?(?P<value>[^"\']*)["\']?\s*', re.IGNORECASE
)
MAX_COUNT = 10_000
MAX_ID_DIGITS = 18
Json = dict[str, Any]


class ListQuery:
    """SCIM's 1-based ``startIndex``, ``count``, and a filter with one comparison."""

    def __init__(
        self,
        start_index: Annotated[int, Query(alias="startIndex")] = 1,
        count: Annotated[int, Query()] = 100,
        filter: Annotated[str, Query()] = "",
    ) -> None:
        self.start_index = max(start_index, 1)
        self.count = min(max(count, 0), MAX_COUNT)
        self.filter = filter

    def answer(self, resources: Sequence[Json]) -> Json:
        found = [item for item in resources if self._matches(item)]
        page = found[self.start_index - 1 : self.start_index - 1 + self.count]
        return {
            "schemas": [LIST_RESPONSE],
            "totalResults": len(found),
            "startIndex": self.start_index,
            "itemsPerPage": len(page),
            "Resources": page,
        }

    def _matches(self, resource: Json) -> bool:
        if not self.filter:
            return True
        match = FILTER.fullmatch(self.filter)
        if match is None:
            raise invalid(f"Filter {self.filter} is not supported.")
        values = {key.lower(): str(value).lower() for key, value in resource.items()}
        value, wanted = values.get(match["attribute"].lower(), ""), match["value"].lower()
        compare: dict[str, Callable[[], bool]] = {
            "eq": lambda: value == wanted,
            "co": lambda: wanted in value,
            "sw": lambda: value.startswith(wanted),
        }
        return compare[match["operator"].lower()]()


@router.get("/Me")
def me(who: CurrentPrincipal, store: CurrentStore) -> Json:
    with store.reading() as connection:
        return user_view(connection, who)


@router.get("/Users")
def list_users(_: CurrentPrincipal, store: CurrentStore, query: Annotated[ListQuery, Depends()]) -> Json:
    with store.reading() as connection:
        return query.answer([user_view(connection, item) for item in list_principals(connection, USER)])


@router.get("/Users/{user_id}")
def get_user(user_id: str, _: CurrentPrincipal, store: CurrentStore) -> Json:
    with store.reading() as connection:
        return user_view(connection, _known(connection, user_id, USER))


@router.get("/ServicePrincipals")
def list_service_principals(_: CurrentPrincipal, store: CurrentStore, query: Annotated[ListQuery, Depends()]) -> Json:
    with store.reading() as connection:
        found = list_principals(connection, SERVICE_PRINCIPAL)
        return query.answer([service_principal_view(connection, item) for item in found])


@router.get("/ServicePrincipals/{principal_id}")
def get_service_principal(principal_id: str, _: CurrentPrincipal, store: CurrentStore) -> Json:
    with store.reading() as connection:
        return service_principal_view(connection, _known(connection, principal_id, SERVICE_PRINCIPAL))


@router.get("/Groups")
def list_groups(_: CurrentPrincipal, store: CurrentStore, query: Annotated[ListQuery, Depends()]) -> Json:
    return query.answer(_groups(store))


@router.get("/Groups/{group_id}")
def get_group(group_id: str, _: CurrentPrincipal, store: CurrentStore) -> Json:
    for group in _groups(store):
        if group["id"] == group_id:
            return group
    raise not_found(f"Group with id {group_id} not found.")


def user_view(connection: sqlite3.Connection, who: Principal) -> Json:
    """The ``userName`` of a service principal is its application id."""
    given, _, family = who.display_name.partition(" ")
    return {
        "schemas": [f"{SCHEMAS}:User", "urn:ietf:params:scim:schemas:extension:workspace:2.0:User"],
        "id": who.id,
        "userName": who.user_name,
        "displayName": who.display_name,
        "active": True,
        "name": {"givenName": given, "familyName": family},
        "emails": [{"type": "work", "value": who.user_name, "primary": True}],
        "groups": _group_references(connection, who),
        "entitlements": [{"value": "workspace-access"}],
    }


def service_principal_view(connection: sqlite3.Connection, who: Principal) -> Json:
    return {
        "schemas": [f"{SCHEMAS}:ServicePrincipal"],
        "id": who.id,
        "applicationId": who.user_name,
        "displayName": who.display_name,
        "active": True,
        "groups": _group_references(connection, who),
        "entitlements": [{"value": "workspace-access"}],
    }


def _group_references(connection: sqlite3.Connection, who: Principal) -> list[Json]:
    rows = connection.execute(
        "SELECT g.id, g.display_name FROM groups g JOIN group_members m ON m.group_id = g.id "
        "WHERE m.principal_id = ? ORDER BY g.display_name",
        (int(who.id),),
    ).fetchall()
    return [
        {"display": row["display_name"], "type": "direct", "value": str(row["id"]), "$ref": f"Groups/{row['id']}"}
        for row in rows
    ]


def _groups(store: Store) -> list[Json]:
    with store.reading() as connection:
        groups = connection.execute("SELECT id, display_name FROM groups ORDER BY id").fetchall()
        members = connection.execute(
            "SELECT m.group_id, p.id, p.display_name, p.kind FROM group_members m "
            "JOIN principals p ON p.id = m.principal_id ORDER BY p.id"
        ).fetchall()
    return [_group_view(group, [item for item in members if item["group_id"] == group["id"]]) for group in groups]


def _group_view(group: sqlite3.Row, members: list[sqlite3.Row]) -> Json:
    return {
        "schemas": [f"{SCHEMAS}:Group"],
        "id": str(group["id"]),
        "displayName": group["display_name"],
        "members": [_member_view(member) for member in members],
        "meta": {"resourceType": "WorkspaceGroup"},
    }


def _member_view(member: sqlite3.Row) -> Json:
    folder = "ServicePrincipals" if member["kind"] == SERVICE_PRINCIPAL else "Users"
    reference = f"{folder}/{member['id']}"
    return {"display": member["display_name"], "value": str(member["id"]), "$ref": reference}


def _known(connection: sqlite3.Connection, principal_id: str, kind: str) -> Principal:
    is_id = principal_id.isdecimal() and len(principal_id) <= MAX_ID_DIGITS
    found = find_principal(connection, int(principal_id)) if is_id else None
    if found is None or found.kind != kind:
        raise not_found(f"{kind.replace('_', ' ').capitalize()} with id {principal_id} not found.")
    return found
