"""Secret scopes, their access control lists, and values encrypted at rest."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from sandbox.identity.principals import Principal
from sandbox.store import Store, now_ms
from sandbox.web.errors import ApiError, denied, invalid, not_found

SCHEMA = """
CREATE TABLE IF NOT EXISTS secret_scopes (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS secret_values (
    scope TEXT NOT NULL REFERENCES secret_scopes (name) ON DELETE CASCADE, key TEXT NOT NULL,
    value BLOB NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (scope, key));
CREATE TABLE IF NOT EXISTS secret_acls (
    scope TEXT NOT NULL REFERENCES secret_scopes (name) ON DELETE CASCADE, principal TEXT NOT NULL,
    permission TEXT NOT NULL, PRIMARY KEY (scope, principal));
"""
NAME = re.compile(r"[\w.@/-]{1,128}", re.ASCII)
REFERENCE = re.compile(r"\{\{secrets/(?P<scope>[\w.@-]{1,128})/(?P<key>[\w.@-]{1,128})\}\}", re.ASCII)
PERMISSIONS = ("READ", "WRITE", "MANAGE")
MAX_VALUE_BYTES = 128 * 1024
EVERYONE = "users"


class SecretVault:
    """Encrypts values with a key in a file (0600) next to the store. Thread-safe."""

    def __init__(self, store: Store, key_path: Path) -> None:
        self._store = store
        self._fernet = Fernet(_read_or_create_key(key_path))

    def resolve(self, reference: str) -> str:
        """The value behind ``{{secrets/scope/key}}``. Returns any other text unchanged.

        Raises ApiError 400 if the reference is malformed, 404 if the scope or the key does not exist.
        """
        if not reference.startswith("{{secrets/"):
            return reference
        match = REFERENCE.fullmatch(reference)
        if match is None:
            raise invalid("A reference to a secret must read {{secrets/<scope>/<key>}}.")
        return self.value(match["scope"], match["key"]).decode(errors="replace")

    def value(self, scope: str, key: str) -> bytes:
        with self._store.reading() as connection:
            require_scope(connection, scope)
            row = connection.execute(
                "SELECT value FROM secret_values WHERE scope = ? AND key = ?", (scope, key)
            ).fetchone()
        if row is None:
            raise not_found(f"Secret does not exist with scope: {scope} and key: {key}")
        try:
            return self._fernet.decrypt(row["value"])
        except InvalidToken:
            raise ApiError(500, "DATA_LOSS", f"The key that encrypted secret {scope}/{key} is lost.") from None

    def put(self, connection: sqlite3.Connection, scope: str, key: str, value: bytes) -> None:
        if not NAME.fullmatch(key):
            raise invalid(f"'{key}' is not a valid secret key.")
        if len(value) > MAX_VALUE_BYTES:
            raise ApiError(400, "RESOURCE_LIMIT_EXCEEDED", f"A secret may have at most {MAX_VALUE_BYTES} bytes.")
        connection.execute(
            "INSERT OR REPLACE INTO secret_values VALUES (?, ?, ?, ?)",
            (scope, key, self._fernet.encrypt(value), now_ms()),
        )


def require_scope(connection: sqlite3.Connection, scope: str) -> None:
    if connection.execute("SELECT 1 FROM secret_scopes WHERE name = ?", (scope,)).fetchone() is None:
        raise not_found(f"Scope {scope} does not exist!")


def require_permission(connection: sqlite3.Connection, who: Principal, scope: str, permission: str) -> None:
    """Raises ApiError 404 if the scope does not exist, 403 if the principal does not have ``permission``."""
    require_scope(connection, scope)
    if who.is_admin:
        return
    names = {who.user_name, *who.groups}
    rows = connection.execute("SELECT principal, permission FROM secret_acls WHERE scope = ?", (scope,)).fetchall()
    held = [PERMISSIONS.index(row["permission"]) for row in rows if row["principal"] in names]
    if max(held, default=-1) < PERMISSIONS.index(permission):
        raise denied(f"User {who.user_name} does not have {permission} permission on scope {scope}.")


def _read_or_create_key(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(Fernet.generate_key())
    return path.read_bytes()
