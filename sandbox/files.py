"""``/api/2.0/fs``: the Files API for model versions, volumes and artifacts of MLflow."""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from sandbox import artifacts
from sandbox.dependencies import CurrentPrincipal
from sandbox.errors import ApiError, denied, invalid
from sandbox.identity import Principal
from sandbox.models import PENDING, Models
from sandbox.paging import Page
from sandbox.store import Store
from sandbox.unity_catalog import access, objects
from sandbox.unity_catalog.objects import MODEL, VOLUME

router = APIRouter(prefix="/api/2.0/fs")
NO_CONTENT = 204
OCTETS = "application/octet-stream"


class Places:
    """Files API paths as directories of this machine. Every method raises ApiError and may block."""

    def __init__(self, store: Store, models: Models, artifacts_dir: Path, state_dir: Path) -> None:
        self._store = store
        self._models = models
        self._artifacts_dir = artifacts_dir
        self._volumes_dir = state_dir / "volumes"
        self.uploads_dir = state_dir / "uploads"

    def readable(self, path: str) -> Path:
        kind, name, rest = _parsed(path)
        if kind == "Models":
            return artifacts.inside(self._models.version_dir(*name), rest)
        if kind == "Volumes":
            return artifacts.inside(self._volume_dir(".".join(name)), rest)
        return self._internal(path)

    def writable(self, path: str, who: Principal) -> Path:
        """The files of a version may be written until it is finalized, by those who may manage the model."""
        kind, name, _ = _parsed(path)
        if kind == "Models":
            self._require(who, MODEL, name[0], access.MANAGE)
            if self._models.version_status(*name) != PENDING:
                raise denied(f"The files of version {name[1]} of {name[0]} can not change any more.")
        if kind == "Volumes":
            self._require(who, VOLUME, ".".join(name), "WRITE_VOLUME")
        return self.readable(path)

    def _internal(self, path: str) -> Path:
        found = artifacts.internal_path(self._artifacts_dir, path)
        if found is None:
            raise invalid(f"Invalid path: {path}. It must start with /Models or /Volumes and name an object in it.")
        return found

    def _volume_dir(self, full_name: str) -> Path:
        with self._store.reading() as connection:
            volume = objects.get(connection, VOLUME, full_name)
        directory = self._volumes_dir / volume.id
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _require(self, who: Principal, kind: str, full_name: str, privilege: str) -> None:
        with self._store.reading() as connection:
            access.require(connection, who, objects.get(connection, kind, full_name), privilege)


@router.get("/files/{path:path}")
@router.head("/files/{path:path}")
async def download(path: str, request: Request, _: CurrentPrincipal) -> Response:
    found = await asyncio.to_thread(places_of(request).readable, f"/{path}")
    if not found.is_file():
        raise _no_file()
    return FileResponse(found, media_type=OCTETS)


@router.put("/files/{path:path}", status_code=NO_CONTENT)
async def upload(path: str, request: Request, who: CurrentPrincipal, overwrite: bool = False) -> Response:
    """The file appears whole or not at all; missing directories are created."""
    target = await asyncio.to_thread(places_of(request).writable, f"/{path}", who)
    check_target(target, f"/{path}", overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            async for chunk in request.stream():
                await asyncio.to_thread(file.write, chunk)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return Response(status_code=NO_CONTENT)


@router.delete("/files/{path:path}", status_code=NO_CONTENT)
def delete_file(path: str, request: Request, who: CurrentPrincipal) -> Response:
    target = places_of(request).writable(f"/{path}", who)
    if not target.is_file():
        raise _no_file()
    target.unlink()
    return Response(status_code=NO_CONTENT)


@router.get("/directories/{path:path}")
def list_directory(
    path: str,
    request: Request,
    _: CurrentPrincipal,
    page_size: Annotated[int, Query(ge=0)] = 0,
    page_token: Annotated[str, Query()] = "",
) -> dict[str, Any]:
    found = _directory(places_of(request).readable(f"/{path}"))
    entries = sorted((entry for entry in found.iterdir() if not entry.name.endswith(".part")), key=lambda e: e.name)
    shown, more = Page(page_size, page_token).cut(entries, lambda entry: entry.name)
    return {"contents": [_entry_view(f"/{path.rstrip('/')}", entry) for entry in shown], **more}


@router.head("/directories/{path:path}")
def directory_metadata(path: str, request: Request, _: CurrentPrincipal) -> Response:
    _directory(places_of(request).readable(f"/{path}"))
    return Response(status_code=200)


@router.put("/directories/{path:path}", status_code=NO_CONTENT)
def create_directory(path: str, request: Request, who: CurrentPrincipal) -> Response:
    target = places_of(request).writable(f"/{path}", who)
    if target.is_file():
        raise ApiError(409, "ALREADY_EXISTS", f"A file has this path already: /{path}")
    target.mkdir(parents=True, exist_ok=True)
    return Response(status_code=NO_CONTENT)


@router.delete("/directories/{path:path}", status_code=NO_CONTENT)
def delete_directory(path: str, request: Request, who: CurrentPrincipal) -> Response:
    target = _directory(places_of(request).writable(f"/{path}", who))
    if any(target.iterdir()):
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"The directory being deleted is not empty: /{path}")
    target.rmdir()
    return Response(status_code=NO_CONTENT)


def places_of(request: Request) -> Places:
    places: Places = request.app.state.places
    return places


def check_target(target: Path, path: str, *, overwrite: bool) -> None:
    """Raises ApiError 409 if something is in the way of a new file."""
    if target.is_dir() or (target.exists() and not overwrite):
        raise ApiError(409, "ALREADY_EXISTS", f"The file being created already exists: {path}")


def _parsed(path: str) -> tuple[str, tuple[str, ...], str]:
    """What kind of place, whose, and the rest: ``/Models/c/s/m/3/MLmodel`` is Models, (c.s.m, 3), MLmodel."""
    parts = [part for part in path.split("/") if part]
    kind = parts[0] if parts else ""
    if kind == "Models" and len(parts) >= 5:
        return kind, (".".join(parts[1:4]).lower(), parts[4]), "/".join(parts[5:])
    if kind == "Volumes" and len(parts) >= 4:
        return kind, tuple(part.lower() for part in parts[1:4]), "/".join(parts[4:])
    return "", (), ""


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise ApiError(404, "NOT_FOUND", "The directory being accessed is not found.")
    return path


def _no_file() -> ApiError:
    return ApiError(404, "NOT_FOUND", "The file being accessed is not found.")


def _entry_view(directory: str, entry: Path) -> dict[str, Any]:
    found = entry.stat()
    view = {
        "path": f"{directory}/{entry.name}",
        "name": entry.name,
        "is_directory": entry.is_dir(),
        "last_modified": int(found.st_mtime * 1000),
    }
    return view if entry.is_dir() else {**view, "file_size": found.st_size}
