"""Multipart uploads, which databricks-sdk uses for files of 50 MiB and more.

A session is a directory with the request and the parts. The part URLs contain the session's token, which is their only
credential.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from sandbox.disk import appearing
from sandbox.files.places import Places, check_target, places_of
from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.web.bodies import Body
from sandbox.web.errors import ApiError, invalid

router = APIRouter()
TOKEN = re.compile(r"[\w-]{20,100}", re.ASCII)
MAX_PART = 10_000
UPLOADS_URL = "/_uploads"


class PartUrls(Body):
    path: str
    session_token: str
    start_part_number: int = Field(ge=1, le=MAX_PART)
    count: int = Field(ge=1, le=1000)


class Session(Body):
    path: str
    session_token: str


class Part(Body):
    part_number: int = Field(ge=1, le=MAX_PART)
    etag: str = ""


class Parts(Body):
    parts: list[Part] | None = None


class Step:
    """The query of a POST to a file's path."""

    def __init__(
        self,
        action: Annotated[str, Query()] = "",
        overwrite: Annotated[bool, Query()] = False,
        session_token: Annotated[str, Query()] = "",
    ) -> None:
        self.action = action
        self.overwrite = overwrite
        self.session_token = session_token


@router.post("/api/2.0/fs/files/{path:path}")
def start_or_complete(
    path: str, request: Request, who: CurrentPrincipal, step: Annotated[Step, Depends()], body: Parts | None = None
) -> dict[str, Any]:
    target = places_of(request).writable(f"/{path}", who)
    if step.action == "initiate-upload":
        check_target(target, f"/{path}", overwrite=step.overwrite)
        return {"multipart_upload": {"session_token": _open_session(places_of(request), f"/{path}")}}
    if step.action == "complete-upload":
        session = _session(places_of(request), step.session_token, f"/{path}")
        _join(session, (body.parts if body else None) or [], target)
        return {}
    raise invalid(f"Action '{step.action}' is not supported.")


@router.post("/api/2.0/fs/create-upload-part-urls")
def create_part_urls(body: PartUrls, request: Request, _: CurrentPrincipal) -> dict[str, Any]:
    _session(places_of(request), body.session_token, body.path)
    numbers = range(body.start_part_number, body.start_part_number + body.count)
    base = f"{str(request.base_url).rstrip('/')}{UPLOADS_URL}/{body.session_token}"
    return {
        "upload_part_urls": [{"url": f"{base}/{number}", "headers": [], "part_number": number} for number in numbers]
    }


@router.post("/api/2.0/fs/create-abort-upload-url")
def create_abort_url(body: Session, request: Request, _: CurrentPrincipal) -> dict[str, Any]:
    _session(places_of(request), body.session_token, body.path)
    url = f"{str(request.base_url).rstrip('/')}{UPLOADS_URL}/{body.session_token}"
    return {"abort_upload_url": {"url": url, "headers": []}}


@router.put(UPLOADS_URL + "/{session_token}/{part_number}")
async def put_part(session_token: str, part_number: int, request: Request) -> Response:
    session = _session(places_of(request), session_token)
    digest = hashlib.sha256()
    unfinished = session / f"{secrets.token_hex(8)}.unfinished"
    with unfinished.open("wb") as file:
        async for chunk in request.stream():
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    os.replace(unfinished, session / str(part_number))
    return Response(status_code=200, headers={"ETag": digest.hexdigest()})


@router.delete(UPLOADS_URL + "/{session_token}")
def abort(session_token: str, request: Request) -> dict[str, Any]:
    shutil.rmtree(_session(places_of(request), session_token))
    return {}


def _open_session(places: Places, path: str) -> str:
    token = secrets.token_urlsafe(32)
    session = places.uploads_dir / token
    session.mkdir(parents=True, mode=0o700)
    (session / "upload.json").write_text(json.dumps({"path": path}))
    return token


def _session(places: Places, token: str, path: str | None = None) -> Path:
    """The directory of a session. Raises ApiError 404 if it does not exist, 400 if it is for another path."""
    session = places.uploads_dir / token
    if not TOKEN.fullmatch(token) or not session.is_dir():
        raise ApiError(404, "NOT_FOUND", "The upload session is not found.")
    if path is not None and json.loads((session / "upload.json").read_text())["path"] != path:
        raise invalid("The upload session is for another path.")
    return session


def _join(session: Path, parts: list[Part], target: Path) -> None:
    """Joins the parts by number and replaces ``target`` atomically."""
    files = [session / str(part.part_number) for part in sorted(parts, key=lambda part: part.part_number)]
    if not files or not all(file.is_file() for file in files):
        raise invalid("Parts of the upload are missing.")
    with appearing(target) as whole, whole.open("wb") as out:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, out)
    shutil.rmtree(session)
