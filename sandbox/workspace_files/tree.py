"""The workspace file tree: directories, files and notebooks. Their contents are on disk under the same names."""

from __future__ import annotations

import posixpath
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sandbox.disk import appearing, inside
from sandbox.identity.principals import Principal
from sandbox.store import Store, now_ms
from sandbox.web.errors import ApiError, denied, invalid, not_found

SCHEMA = """
CREATE TABLE IF NOT EXISTS workspace_objects (
    object_id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, object_type TEXT NOT NULL,
    language TEXT NOT NULL DEFAULT '', created_at INTEGER NOT NULL, modified_at INTEGER NOT NULL);
"""
DIRECTORY, FILE, NOTEBOOK = "DIRECTORY", "FILE", "NOTEBOOK"
MOUNT = "/Workspace"
ROOT, USERS, SHARED = "/", "/Users", "/Shared"


@dataclass(frozen=True)
class WorkspaceObject:
    """A directory, file or notebook. Times are Unix ms."""

    object_id: int
    path: str
    object_type: str
    #: The language of a notebook; "" for other types.
    language: str
    created_at: int
    modified_at: int
    #: 0 for a directory.
    size_bytes: int


class WorkspaceFiles:
    """Users who are not admins see their home folder and /Shared only. Methods can raise ApiError, and can block."""

    def __init__(self, store: Store, state_dir: Path) -> None:
        self._store = store
        self._root = state_dir / "workspace"

    def get(self, path: str, who: Principal) -> WorkspaceObject:
        clean = _permitted(normalized(path), who)
        self._ensure_home(who)
        with self._store.reading() as connection:
            row = connection.execute("SELECT * FROM workspace_objects WHERE path = ?", (clean,)).fetchone()
        if row is None:
            raise not_found(f"Path ({clean}) doesn't exist.")
        return self._object(row)

    def local_path(self, path: str, who: Principal) -> Path:
        """The local path of a file or notebook."""
        found = self.get(path, who)
        if found.object_type == DIRECTORY:
            raise invalid(f"Path ({found.path}) is a directory.")
        return self._on_disk(found.path)

    def children(self, path: str, who: Principal) -> list[WorkspaceObject]:
        """The objects in a directory, sorted by name. For a file: the file itself."""
        found = self.get(path, who)
        if found.object_type != DIRECTORY:
            return [found]
        with self._store.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM workspace_objects WHERE path <> ? AND path LIKE ? ESCAPE '\\' ORDER BY path",
                (found.path, _below(found.path)),
            ).fetchall()
        direct = [row for row in rows if posixpath.dirname(row["path"]) == found.path]
        return [self._object(row) for row in direct if _may_use(row["path"], who)]

    def write(self, path: str, content: bytes, kind: tuple[str, str], who: Principal, *, overwrite: bool) -> None:
        """``kind`` is the object type and the language. The parent must exist. The write is atomic."""
        clean = _changeable(normalized(path), who)
        self._ensure_home(who)
        object_type, language = kind
        with self._store.connection() as connection:
            parent = posixpath.dirname(clean)
            if _type_of(connection, parent) != DIRECTORY:
                raise not_found(f"The parent folder ({parent}) does not exist.")
            _check_replaced(connection, clean, object_type, overwrite=overwrite)
            now = now_ms()
            connection.execute(
                "INSERT INTO workspace_objects (path, object_type, language, created_at, modified_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET language = excluded.language, "
                "modified_at = excluded.modified_at",
                (clean, object_type, language, now, now),
            )
            with appearing(self._on_disk(clean)) as part:
                part.write_bytes(content)

    def make_directories(self, path: str, who: Principal) -> None:
        clean = normalized(path)
        self._ensure_home(who)
        with self._store.reading() as connection:
            if _type_of(connection, clean) == DIRECTORY:
                return
        _changeable(clean, who)
        with self._store.connection() as connection:
            for part in _lineage(clean):
                if _type_of(connection, part) not in (None, DIRECTORY):
                    raise _path_exists(part)
                _add_directory(connection, part)
        self._on_disk(clean).mkdir(parents=True, exist_ok=True)

    def delete(self, path: str, who: Principal, *, recursive: bool) -> None:
        found = self.get(path, who)
        _changeable(found.path, who)
        if found.object_type == DIRECTORY and not recursive and self.children(found.path, who):
            raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({found.path}) is not empty")
        with self._store.connection() as connection:
            connection.execute(
                "DELETE FROM workspace_objects WHERE path = ? OR path LIKE ? ESCAPE '\\'",
                (found.path, _below(found.path)),
            )
        on_disk = self._on_disk(found.path)
        if found.object_type == DIRECTORY:
            shutil.rmtree(on_disk, ignore_errors=True)
        else:
            on_disk.unlink(missing_ok=True)

    def _on_disk(self, path: str) -> Path:
        return inside(self._root, path)

    def _object(self, row: sqlite3.Row) -> WorkspaceObject:
        on_disk = self._on_disk(row["path"])
        size_bytes = on_disk.stat().st_size if row["object_type"] != DIRECTORY and on_disk.exists() else 0
        return WorkspaceObject(**dict(row), size_bytes=size_bytes)

    def _ensure_home(self, who: Principal) -> None:
        home = f"{USERS}/{who.user_name}"
        with self._store.reading() as connection:
            if _type_of(connection, home) is not None:
                return
        with self._store.connection() as connection:
            for path in (ROOT, USERS, SHARED, home):
                _add_directory(connection, path)
                self._on_disk(path).mkdir(parents=True, exist_ok=True)


def normalized(path: str) -> str:
    """``/Workspace/Users/me/a.py`` and ``/Users/me/a.py`` are the same. Raises ApiError 400."""
    if not path.startswith("/"):
        raise invalid(f"Path ({path}) doesn't start with '/'")
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") or "\x00" in part or len(part.encode()) > 255 for part in parts):
        raise invalid(f"Path ({path}) is not valid.")
    clean = "/" + "/".join(parts)
    if clean == MOUNT or clean.startswith(f"{MOUNT}/"):
        return clean.removeprefix(MOUNT) or ROOT
    return clean


def _lineage(path: str) -> list[str]:
    """The path and its ancestors, the root first."""
    parts = path.strip("/").split("/")
    return [ROOT, *("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))]


def _below(path: str) -> str:
    """The LIKE pattern of the paths below a directory."""
    escaped = path.rstrip("/").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}/%"


def _may_use(path: str, who: Principal) -> bool:
    own = (SHARED, f"{USERS}/{who.user_name}")
    return who.is_admin or path in (ROOT, USERS) or any(path == top or path.startswith(f"{top}/") for top in own)


def _permitted(path: str, who: Principal) -> str:
    if not _may_use(path, who):
        raise denied(f"{who.user_name} does not have required permissions on path ({path}).")
    return path


def _changeable(path: str, who: Principal) -> str:
    """Raises ApiError 400 for a built-in folder, 403 without permission."""
    if path in (ROOT, USERS, SHARED) or posixpath.dirname(path) == USERS:
        raise invalid(f"Folder ({path}) is protected")
    return _permitted(path, who)


def _type_of(connection: sqlite3.Connection, path: str) -> str | None:
    row = connection.execute("SELECT object_type FROM workspace_objects WHERE path = ?", (path,)).fetchone()
    return row["object_type"] if row else None


def _add_directory(connection: sqlite3.Connection, path: str) -> None:
    now = now_ms()
    connection.execute(
        "INSERT OR IGNORE INTO workspace_objects (path, object_type, created_at, modified_at) VALUES (?, ?, ?, ?)",
        (path, DIRECTORY, now, now),
    )


def _check_replaced(connection: sqlite3.Connection, path: str, object_type: str, *, overwrite: bool) -> None:
    known = _type_of(connection, path)
    if known is not None and not overwrite:
        raise _path_exists(path)
    if known not in (None, object_type):
        raise invalid(f"Cannot overwrite the asset at {path} due to type mismatch (asked: {object_type}, is: {known})")


def _path_exists(path: str) -> ApiError:
    return ApiError(400, "RESOURCE_ALREADY_EXISTS", f"Path ({path}) already exists.")
