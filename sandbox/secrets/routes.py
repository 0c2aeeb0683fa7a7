"""``/api/2.0/secrets``: scopes, secrets and access control lists."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from sandbox.identity.dependencies import CurrentPrincipal, CurrentStore
from sandbox.secrets.vault import EVERYONE, NAME, SecretVault, require_permission
from sandbox.web.bodies import Body
from sandbox.web.errors import ApiError, already_exists, invalid, not_found
from sandbox.web.state import from_state

router = APIRouter(prefix="/api/2.0/secrets")
Scope = Annotated[str, Query()]
Key = Annotated[str, Query()]
Vault = Annotated[SecretVault, from_state("secrets")]


class NewScope(Body):
    scope: str
    scope_backend_type: str = "DATABRICKS"
    initial_manage_principal: str = ""


class NamedScope(Body):
    scope: str


class NewSecret(Body):
    scope: str
    key: str
    string_value: str | None = None
    bytes_value: str | None = None


class NamedSecret(Body):
    scope: str
    key: str


class NewAcl(Body):
    scope: str
    principal: str
    permission: Literal["READ", "WRITE", "MANAGE"]


class NamedAcl(Body):
    scope: str
    principal: str


@router.post("/scopes/create")
def create_scope(body: NewScope, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    if not NAME.fullmatch(body.scope):
        raise invalid(f"'{body.scope}' is not a valid scope name.")
    if body.scope_backend_type != "DATABRICKS":
        raise invalid(f"Scope backend type {body.scope_backend_type} is not supported here.")
    if body.initial_manage_principal not in ("", EVERYONE):
        raise invalid(f"initial_manage_principal must be '{EVERYONE}' or absent.")
    with store.connection() as connection:
        if connection.execute("SELECT 1 FROM secret_scopes WHERE name = ?", (body.scope,)).fetchone():
            raise already_exists(f"Scope {body.scope} already exists!")
        connection.execute("INSERT INTO secret_scopes VALUES (?)", (body.scope,))
        manager = body.initial_manage_principal or who.user_name
        connection.execute("INSERT INTO secret_acls VALUES (?, ?, 'MANAGE')", (body.scope, manager))
    return {}


@router.get("/scopes/list")
def list_scopes(who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    """The scopes that the caller may read."""
    with store.reading() as connection:
        rows = connection.execute("SELECT name FROM secret_scopes ORDER BY name").fetchall()
        scopes = [row["name"] for row in rows if _may_read(connection, who, row["name"])]
    return {"scopes": [{"name": name, "backend_type": "DATABRICKS"} for name in scopes]}


@router.post("/scopes/delete")
def delete_scope(body: NamedScope, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.connection() as connection:
        require_permission(connection, who, body.scope, "MANAGE")
        connection.execute("DELETE FROM secret_scopes WHERE name = ?", (body.scope,))
    return {}


@router.post("/put")
def put_secret(body: NewSecret, who: CurrentPrincipal, store: CurrentStore, vault: Vault) -> dict[str, Any]:
    value = _value(body)
    with store.connection() as connection:
        require_permission(connection, who, body.scope, "WRITE")
        vault.put(connection, body.scope, body.key, value)
    return {}


@router.get("/get")
def get_secret(scope: Scope, key: Key, who: CurrentPrincipal, store: CurrentStore, vault: Vault) -> dict[str, Any]:
    """Returns the value in base64."""
    with store.reading() as connection:
        require_permission(connection, who, scope, "READ")
    return {"key": key, "value": base64.b64encode(vault.value(scope, key)).decode()}


@router.get("/list")
def list_secrets(scope: Scope, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.reading() as connection:
        require_permission(connection, who, scope, "READ")
        rows = connection.execute(
            "SELECT key, updated_at FROM secret_values WHERE scope = ? ORDER BY key", (scope,)
        ).fetchall()
    return {"secrets": [{"key": row["key"], "last_updated_timestamp": row["updated_at"]} for row in rows]}


@router.post("/delete")
def delete_secret(body: NamedSecret, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.connection() as connection:
        require_permission(connection, who, body.scope, "WRITE")
        done = connection.execute("DELETE FROM secret_values WHERE scope = ? AND key = ?", (body.scope, body.key))
        if not done.rowcount:
            raise not_found(f"Secret does not exist with scope: {body.scope} and key: {body.key}")
    return {}


@router.post("/acls/put")
def put_acl(body: NewAcl, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.connection() as connection:
        require_permission(connection, who, body.scope, "MANAGE")
        connection.execute(
            "INSERT OR REPLACE INTO secret_acls VALUES (?, ?, ?)", (body.scope, body.principal, body.permission)
        )
    return {}


@router.get("/acls/get")
def get_acl(
    scope: Scope, principal: Annotated[str, Query()], who: CurrentPrincipal, store: CurrentStore
) -> dict[str, Any]:
    with store.reading() as connection:
        require_permission(connection, who, scope, "MANAGE")
        row = connection.execute(
            "SELECT permission FROM secret_acls WHERE scope = ? AND principal = ?", (scope, principal)
        ).fetchone()
    if row is None:
        raise not_found(f"Failed to get secret acl for principal {principal} for scope {scope}.")
    return {"principal": principal, "permission": row["permission"]}


@router.get("/acls/list")
def list_acls(scope: Scope, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.reading() as connection:
        require_permission(connection, who, scope, "MANAGE")
        rows = connection.execute(
            "SELECT principal, permission FROM secret_acls WHERE scope = ? ORDER BY principal", (scope,)
        ).fetchall()
    return {"items": [dict(row) for row in rows]}


@router.post("/acls/delete")
def delete_acl(body: NamedAcl, who: CurrentPrincipal, store: CurrentStore) -> dict[str, Any]:
    with store.connection() as connection:
        require_permission(connection, who, body.scope, "MANAGE")
        done = connection.execute(
            "DELETE FROM secret_acls WHERE scope = ? AND principal = ?", (body.scope, body.principal)
        )
        if not done.rowcount:
            raise not_found(f"Failed to get secret acl for principal {body.principal} for scope {body.scope}.")
    return {}


def _value(body: NewSecret) -> bytes:
    if (body.string_value is None) == (body.bytes_value is None):
        raise invalid("Exactly one of string_value and bytes_value must be set.")
    if body.bytes_value is None:
        return (body.string_value or "").encode()
    try:
        return base64.b64decode(body.bytes_value, validate=True)
    except binascii.Error:
        raise invalid("bytes_value is not base64.") from None


def _may_read(connection: sqlite3.Connection, who: CurrentPrincipal, scope: str) -> bool:
    try:
        require_permission(connection, who, scope, "READ")
    except ApiError:
        return False
    return True
