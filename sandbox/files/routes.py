"""``/api/2.0/fs``: the Files API for model versions, volumes and MLflow's artifacts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response

from sandbox.disk import PART_SUFFIX, appearing
from sandbox.files.places import check_target, places_of
from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.web.errors import ApiError
from sandbox.web.paging import Page

router = APIRouter(prefix="/api/2.0/fs")
NO_CONTENT = 204
OCTETS = "application/octet-stream"


@router.get("/files/{path:path}")
@router.head("/files/{path:path}")
async def download(path: str, request: Request, _: CurrentPrincipal) -> Response:
    found = await asyncio.to_thread(places_of(request).readable, f"/{path}")
    if not found.is_file():
        raise _no_file()
    return FileResponse(found, media_type=OCTETS)


@router.put("/files/{path:path}", status_code=NO_CONTENT)
async def upload(path: str, request: Request, who: CurrentPrincipal, overwrite: bool = False) -> Response:
    """Writes the file atomically and creates missing directories."""
    target = await asyncio.to_thread(places_of(request).writable, f"/{path}", who)
    check_target(target, f"/{path}", overwrite=overwrite)
    with appearing(target) as part, part.open("wb") as file:
        async for chunk in request.stream():
            await asyncio.to_thread(file.write, chunk)
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
    entries = sorted((entry for entry in found.iterdir() if not entry.name.endswith(PART_SUFFIX)), key=lambda e: e.name)
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
        raise ApiError(409, "ALREADY_EXISTS", f"A file with this path already exists: /{path}")
    target.mkdir(parents=True, exist_ok=True)
    return Response(status_code=NO_CONTENT)


@router.delete("/directories/{path:path}", status_code=NO_CONTENT)
def delete_directory(path: str, request: Request, who: CurrentPrincipal) -> Response:
    target = _directory(places_of(request).writable(f"/{path}", who))
    if any(target.iterdir()):
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"The directory being deleted is not empty: /{path}")
    target.rmdir()
    return Response(status_code=NO_CONTENT)


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
