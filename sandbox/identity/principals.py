"""Users, service principals, groups and access tokens."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.config import SandboxSettings
from sandbox.store import Store
from sandbox.web.errors import unauthenticated

USER, SERVICE_PRINCIPAL = "user", "service_principal"
ADMINS, EVERYONE = "admins", "users"
SCHEMA = """
CREATE TABLE IF NOT EXISTS principals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT, display_name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS group_members (
    group_id INTEGER NOT NULL REFERENCES groups (id), principal_id INTEGER NOT NULL REFERENCES principals (id),
    PRIMARY KEY (group_id, principal_id));
CREATE TABLE IF NOT EXISTS tokens (
    token_hash TEXT PRIMARY KEY, principal_id INTEGER NOT NULL REFERENCES principals (id), expires_at REAL);
"""


@dataclass(frozen=True)
class Principal:
    """A user or a service principal."""

    id: str
    #: For a service principal: its application id, a UUID.
    user_name: str
    display_name: str
    groups: tuple[str, ...]
    is_admin: bool
    kind: str


def principal_of_token(store: Store, token: str) -> Principal:
    """Raises ApiError 401."""
    with store.reading() as connection:
        row = connection.execute(
            "SELECT principal_id, expires_at FROM tokens WHERE token_hash = ?", (_hash(token),)
        ).fetchone()
        if row is None:
            raise unauthenticated("Invalid access token.")
        if row["expires_at"] is not None and row["expires_at"] <= time.time():
            raise unauthenticated("Access token expired.")
        found = find_principal(connection, row["principal_id"])
    assert found is not None
    return found


def find_principal(connection: sqlite3.Connection, principal_id: int) -> Principal | None:
    row = connection.execute("SELECT * FROM principals WHERE id = ?", (principal_id,)).fetchone()
    return _principal(connection, row) if row else None


def find_by_name(connection: sqlite3.Connection, user_name: str) -> Principal | None:
    """``user_name`` is a user's name or a service principal's application id. Case-insensitive."""
    row = connection.execute("SELECT * FROM principals WHERE user_name = ?", (user_name,)).fetchone()
    return _principal(connection, row) if row else None


def list_principals(connection: sqlite3.Connection, kind: str) -> list[Principal]:
    rows = connection.execute("SELECT * FROM principals WHERE kind = ? ORDER BY id", (kind,)).fetchall()
    return [_principal(connection, row) for row in rows]


def _principal(connection: sqlite3.Connection, row: sqlite3.Row) -> Principal:
    groups = connection.execute(
        "SELECT g.display_name FROM groups g JOIN group_members m ON m.group_id = g.id "
        "WHERE m.principal_id = ? ORDER BY g.display_name",
        (row["id"],),
    ).fetchall()
    names = tuple(group["display_name"] for group in groups)
    return Principal(
        id=str(row["id"]),
        user_name=row["user_name"],
        display_name=row["display_name"],
        groups=names,
        is_admin=ADMINS in names,
        kind=row["kind"],
    )


def ensure_group(connection: sqlite3.Connection, display_name: str) -> int:
    connection.execute("INSERT OR IGNORE INTO groups (display_name) VALUES (?)", (display_name,))
    row = connection.execute("SELECT id FROM groups WHERE display_name = ?", (display_name,)).fetchone()
    return int(row["id"])


def ensure_principal(
    connection: sqlite3.Connection, user_name: str, kind: str, groups: Sequence[str], display_name: str = ""
) -> Principal:
    """Creates the principal, or sets the groups of an existing one to ``groups`` and `users`."""
    connection.execute(
        "INSERT INTO principals (user_name, display_name, kind) VALUES (?, ?, ?) "
        "ON CONFLICT (user_name) DO UPDATE SET display_name = excluded.display_name",
        (user_name, display_name or user_name, kind),
    )
    row = connection.execute("SELECT * FROM principals WHERE user_name = ?", (user_name,)).fetchone()
    connection.execute("DELETE FROM group_members WHERE principal_id = ?", (row["id"],))
    for name in {*groups, EVERYONE}:
        group_id = ensure_group(connection, name)
        connection.execute("INSERT INTO group_members (group_id, principal_id) VALUES (?, ?)", (group_id, row["id"]))
    return _principal(connection, row)


def add_token(
    connection: sqlite3.Connection, token: str, principal: Principal, lifetime_s: float | None = None
) -> None:
    """Stores the token's hash only. Without ``lifetime_s`` the token never expires."""
    expires_at = None if lifetime_s is None else time.time() + lifetime_s
    connection.execute(
        "INSERT OR REPLACE INTO tokens (token_hash, principal_id, expires_at) VALUES (?, ?, ?)",
        (_hash(token), int(principal.id), expires_at),
    )


def revoke_token(connection: sqlite3.Connection, token: str) -> None:
    connection.execute("DELETE FROM tokens WHERE token_hash = ?", (_hash(token),))


def new_token() -> str:
    return f"dapi{secrets.token_hex(16)}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def seed(store: Store, settings: SandboxSettings) -> None:
    """Creates the built-in groups, and the service principal and tokens from the environment."""
    with store.connection() as connection:
        for name in (ADMINS, EVERYONE):
            ensure_group(connection, name)
        connection.execute("DELETE FROM tokens WHERE expires_at <= ?", (time.time(),))
        if settings.client_id:
            ensure_principal(connection, settings.client_id, SERVICE_PRINCIPAL, [ADMINS], "portal")
        for spec in settings.tokens:
            principal = ensure_principal(connection, spec.user_name, USER, [ADMINS] if spec.is_admin else [])
            add_token(connection, spec.token, principal)
