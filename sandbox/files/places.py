"""Local paths for paths of the Files API."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request

from sandbox import disk
from sandbox.identity.principals import Principal
from sandbox.mlflow import artifacts
from sandbox.store import Store
from sandbox.unity_catalog.models.facade import Models
from sandbox.unity_catalog.models.records import PENDING
from sandbox.unity_catalog.securables import access, objects
from sandbox.unity_catalog.securables.objects import MODEL, VOLUME
from sandbox.web.errors import ApiError, denied, invalid


class Places:
    """Translates Files API paths to local paths. Every method can raise ApiError, and can block."""

    def __init__(self, store: Store, models: Models, artifacts_dir: Path, state_dir: Path) -> None:
        self._store = store
        self._models = models
        self._artifacts_dir = artifacts_dir
        self._volumes_dir = state_dir / "volumes"
        self.uploads_dir = state_dir / "uploads"

    def readable(self, path: str) -> Path:
        kind, name, rest = _parsed(path)
        if kind == "Models":
            return disk.inside(self._models.version_dir(*name), rest)
        if kind == "Volumes":
            return disk.inside(self._volume_dir(".".join(name)), rest)
        found = artifacts.internal_path(self._artifacts_dir, path)
        if found is None:
            raise invalid(f"Invalid path: {path}. It must start with /Models or /Volumes and name an object in it.")
        return found

    def writable(self, path: str, who: Principal) -> Path:
        """Like ``readable``, for a change by ``who``. Files of a model version can be written until it is finalized."""
        kind, name, _ = _parsed(path)
        if kind == "Models":
            self._require(who, MODEL, name[0], access.MANAGE)
            if self._models.get_version(*name).status != PENDING:
                raise denied(f"The files of version {name[1]} of {name[0]} can no longer be changed.")
        if kind == "Volumes":
            self._require(who, VOLUME, ".".join(name), "WRITE_VOLUME")
        return self.readable(path)

    def _volume_dir(self, full_name: str) -> Path:
        with self._store.reading() as connection:
            volume = objects.get(connection, VOLUME, full_name)
        directory = self._volumes_dir / volume.id
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _require(self, who: Principal, kind: str, full_name: str, privilege: str) -> None:
        with self._store.reading() as connection:
            access.require(connection, who, objects.get(connection, kind, full_name), privilege)


def places_of(request: Request) -> Places:
    places: Places = request.app.state.places
    return places


def check_target(target: Path, path: str, *, overwrite: bool) -> None:
    """Raises ApiError 409 if the file exists and must not be replaced."""
    if target.is_dir() or (target.exists() and not overwrite):
        raise ApiError(409, "ALREADY_EXISTS", f"The file being created already exists: {path}")


def _parsed(path: str) -> tuple[str, tuple[str, ...], str]:
    """Kind, name and relative path: ``/Models/c/s/m/3/MLmodel`` gives Models, (c.s.m, 3), MLmodel."""
    parts = [part for part in path.split("/") if part]
    kind = parts[0] if parts else ""
    if kind == "Models" and len(parts) >= 5:
        return kind, (".".join(parts[1:4]).lower(), parts[4]), "/".join(parts[5:])
    if kind == "Volumes" and len(parts) >= 4:
        return kind, tuple(part.lower() for part in parts[1:4]), "/".join(parts[4:])
    return "", (), ""
