"""``/api/2.0/workspace``: import, export, list and delete objects of the workspace file tree."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from sandbox.identity.dependencies import CurrentPrincipal
from sandbox.web.bodies import Body
from sandbox.web.errors import ApiError, invalid
from sandbox.workspace_files.tree import DIRECTORY, FILE, NOTEBOOK, WorkspaceFiles, WorkspaceObject

router = APIRouter(prefix="/api/2.0/workspace")
OCTETS = "application/octet-stream"
MAX_NOTEBOOK_BYTES = 10 * 1024 * 1024
MAX_FILE_BYTES = 200 * 1024 * 1024
LANGUAGES = {"py": "PYTHON", "sql": "SQL", "scala": "SCALA", "r": "R"}
# The first line that marks a source file as a notebook, by the comment mark of its language.
NOTEBOOK_HEADERS = {mark: f"{mark} Databricks notebook source".encode() for mark in ("#", "--", "//")}
MARKS = {"PYTHON": "#", "R": "#", "SQL": "--", "SCALA": "//"}


class ImportBody(Body):
    path: str
    content: str = ""
    format: str = "SOURCE"
    language: str = ""
    overwrite: bool = False


class PathBody(Body):
    path: str


class DeleteBody(PathBody):
    recursive: bool = False


@router.post("/import")
async def import_object(request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    """Accepts JSON with the content in base64, or a form with the content as a file."""
    body, content = await _read_import(request)
    path, kind = _target(body, content)
    files = _files(request)
    await run_in_threadpool(files.write, path, content, kind, who, overwrite=body.overwrite)
    return {}


@router.get("/export")
def export_object(
    request: Request,
    who: CurrentPrincipal,
    path: str,
    format: Annotated[str, Query()] = "SOURCE",
    direct_download: bool = False,
) -> Any:
    if format not in ("SOURCE", "AUTO", "RAW"):
        raise invalid(f"The sandbox does not export the format {format}; use SOURCE, AUTO or RAW.")
    files = _files(request)
    found = files.get(path, who)
    content = files.local_path(path, who).read_bytes()
    if direct_download:
        return Response(content, media_type=OCTETS)
    if len(content) > MAX_NOTEBOOK_BYTES:
        raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", f"{path} is larger than {MAX_NOTEBOOK_BYTES} bytes.")
    return {"content": base64.b64encode(content).decode(), "file_type": _file_type(found)}


@router.get("/get-status")
def get_status(request: Request, who: CurrentPrincipal, path: str) -> dict[str, Any]:
    return _view(_files(request).get(path, who))


@router.get("/list")
def list_objects(
    request: Request, who: CurrentPrincipal, path: str, notebooks_modified_after: int = 0
) -> dict[str, Any]:
    """``notebooks_modified_after`` (Unix ms) filters notebooks only, as in the real API."""
    children = _files(request).children(path, who)
    shown = [c for c in children if c.object_type != NOTEBOOK or c.modified_at >= notebooks_modified_after]
    return {"objects": [_view(child) for child in shown]} if shown else {}


@router.post("/mkdirs")
def make_directories(body: PathBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    _files(request).make_directories(body.path, who)
    return {}


@router.post("/delete")
def delete_object(body: DeleteBody, request: Request, who: CurrentPrincipal) -> dict[str, Any]:
    _files(request).delete(body.path, who, recursive=body.recursive)
    return {}


def _files(request: Request) -> WorkspaceFiles:
    files: WorkspaceFiles = request.app.state.workspace_files
    return files


async def _read_import(request: Request) -> tuple[ImportBody, bytes]:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await _read_form(request)
    body = _validated(await request.body())
    try:
        return body, _limited(base64.b64decode(body.content, validate=True), MAX_NOTEBOOK_BYTES)
    except binascii.Error:
        raise invalid("content is not base64.") from None


async def _read_form(request: Request) -> tuple[ImportBody, bytes]:
    form = await request.form()
    upload = form.get("content")
    content = await upload.read() if isinstance(upload, UploadFile) else str(upload or "").encode()
    fields = {name: value for name, value in form.items() if isinstance(value, str) and name != "content"}
    if not fields.get("path"):
        raise invalid("Missing required field: path")
    return _validated(json.dumps(fields)), _limited(content, MAX_FILE_BYTES)


def _validated(raw: bytes | str) -> ImportBody:
    try:
        return ImportBody.model_validate_json(raw)
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["type"] == "json_invalid":
            raise ApiError(400, "MALFORMED_REQUEST", "Invalid JSON given in the body of the request") from None
        name = ".".join(str(part) for part in problem["loc"]) or "body"
        raise invalid(f"Invalid value for '{name}': {problem['msg']}") from None


def _limited(content: bytes, limit_bytes: int) -> bytes:
    if len(content) > limit_bytes:
        raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", f"The content is larger than {limit_bytes} bytes.")
    return content


def _target(body: ImportBody, content: bytes) -> tuple[str, tuple[str, str]]:
    """The path of the imported object, and its object type and language."""
    stem, dot, suffix = body.path.rpartition(".")
    language = LANGUAGES.get(suffix.lower(), "") if dot else ""
    if body.format == "SOURCE":
        if body.language not in MARKS:
            raise invalid("language is required for the format SOURCE: one of PYTHON, R, SCALA, SQL.")
        return body.path, (NOTEBOOK, body.language)
    if body.format == "AUTO":
        is_notebook = bool(language) and content.startswith(NOTEBOOK_HEADERS[MARKS[language]])
        return (stem, (NOTEBOOK, language)) if is_notebook else (body.path, (FILE, ""))
    if body.format == "RAW":
        return body.path, (FILE, "")
    raise invalid(f"The sandbox does not import the format {body.format}; use SOURCE, AUTO or RAW.")


def _file_type(found: WorkspaceObject) -> str:
    if found.object_type == NOTEBOOK:
        return next(suffix for suffix, language in LANGUAGES.items() if language == found.language)
    return found.path.rpartition("/")[2].rpartition(".")[2]


def _view(found: WorkspaceObject) -> dict[str, Any]:
    view: dict[str, Any] = {
        "object_id": found.object_id,
        "resource_id": str(found.object_id),
        "object_type": found.object_type,
        "path": found.path,
    }
    if found.object_type == DIRECTORY:
        return view
    times = {"created_at": found.created_at, "modified_at": found.modified_at}
    return view | times | ({"size": found.size_bytes} if found.object_type == FILE else {"language": found.language})
