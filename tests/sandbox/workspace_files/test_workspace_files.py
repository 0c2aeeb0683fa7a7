"""The workspace file tree, as the real SDK sees it."""

from __future__ import annotations

import base64
import io
import uuid

import pytest
from databricks.sdk.errors import (
    BadRequest,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
)
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.workspace import ExportFormat, ImportFormat, Language, ObjectType

from tests import http

HEADER = b"# Databricks notebook source\nprint(1)\n"


@pytest.fixture
def folder(sandbox):
    path = f"/Shared/{uuid.uuid4().hex}"
    sandbox.client().workspace.mkdirs(path)
    return path


def test_an_uploaded_file_has_a_status_and_comes_back_byte_for_byte(sandbox, folder):
    api = sandbox.client().workspace
    content = bytes(range(256)) * 10
    api.upload(f"{folder}/data.bin", io.BytesIO(content), format=ImportFormat.AUTO)
    status = api.get_status(f"/Workspace{folder}/data.bin")
    assert (status.object_type, status.path, status.size) == (ObjectType.FILE, f"{folder}/data.bin", len(content))
    assert status.object_id > 0
    assert status.created_at > 1_600_000_000_000
    assert api.download(f"{folder}/data.bin").read() == content
    exported = api.export(f"{folder}/data.bin", format=ExportFormat.AUTO)
    assert base64.b64decode(exported.content) == content
    assert exported.file_type == "bin"


def test_a_python_file_stays_a_file_and_a_notebook_loses_its_suffix(sandbox, folder):
    api = sandbox.client().workspace
    api.upload(f"{folder}/plain.py", b"print(1)\n", format=ImportFormat.AUTO)
    api.upload(f"{folder}/book.py", HEADER, format=ImportFormat.AUTO)
    api.upload(f"{folder}/raw.py", HEADER, format=ImportFormat.RAW)
    api.upload(f"{folder}/source", HEADER, format=ImportFormat.SOURCE, language=Language.PYTHON)
    kinds = {item.path.rpartition("/")[2]: item.object_type for item in api.list(folder)}
    assert kinds == {
        "book": ObjectType.NOTEBOOK,
        "plain.py": ObjectType.FILE,
        "raw.py": ObjectType.FILE,
        "source": ObjectType.NOTEBOOK,
    }
    assert api.get_status(f"{folder}/book").language is Language.PYTHON
    assert api.export(f"{folder}/book").file_type == "py"


def test_an_existing_path_is_replaced_only_when_asked(sandbox, folder):
    api = sandbox.client().workspace
    path = f"{folder}/a.txt"
    api.upload(path, b"one", format=ImportFormat.RAW)
    first = api.get_status(path)
    with pytest.raises(ResourceAlreadyExists):
        api.upload(path, b"two", format=ImportFormat.RAW)
    assert api.download(path).read() == b"one"
    api.import_(path, content=base64.b64encode(b"two").decode(), format=ImportFormat.RAW, overwrite=True)
    assert api.download(path).read() == b"two"
    assert api.get_status(path).object_id == first.object_id
    with pytest.raises(BadRequest):
        api.import_(folder, content="", format=ImportFormat.RAW, overwrite=True)


def test_a_file_needs_its_parent_and_directories_make_theirs(sandbox, folder):
    api = sandbox.client().workspace
    with pytest.raises(ResourceDoesNotExist, match="parent folder"):
        api.upload(f"{folder}/a/b/c.txt", b"x", format=ImportFormat.RAW)
    api.mkdirs(f"{folder}/a/b")
    api.mkdirs(f"{folder}/a/b")
    api.upload(f"{folder}/a/b/c.txt", b"x", format=ImportFormat.RAW)
    assert [item.path for item in api.list(folder, recursive=True)] == [f"{folder}/a/b/c.txt"]
    with pytest.raises(ResourceAlreadyExists):
        api.mkdirs(f"{folder}/a/b/c.txt/d")


def test_a_full_directory_is_deleted_only_recursively(sandbox, folder):
    api = sandbox.client().workspace
    api.mkdirs(f"{folder}_sibling")
    api.upload(f"{folder}/a.txt", b"x", format=ImportFormat.RAW)
    with pytest.raises(DatabricksError) as raised:
        api.delete(folder)
    assert raised.value.error_code == "DIRECTORY_NOT_EMPTY"
    api.delete(folder, recursive=True)
    with pytest.raises(ResourceDoesNotExist):
        api.get_status(f"{folder}/a.txt")
    assert api.get_status(f"{folder}_sibling").object_type is ObjectType.DIRECTORY
    with pytest.raises(BadRequest):
        api.delete("/Users", recursive=True)


def test_a_user_has_a_home_folder_and_sees_no_other(sandbox):
    name = f"{uuid.uuid4().hex}@example.com"
    mine = sandbox.client(sandbox.new_user(name)).workspace
    path = f"/Users/{name}/a.txt"
    mine.upload(path, b"x", format=ImportFormat.RAW)
    other = sandbox.client(sandbox.new_user(f"{uuid.uuid4().hex}@example.com")).workspace
    with pytest.raises(PermissionDenied):
        other.get_status(path)
    with pytest.raises(PermissionDenied):
        other.upload(path, b"y", format=ImportFormat.RAW, overwrite=True)
    with pytest.raises(PermissionDenied):
        other.upload("/top.txt", b"y", format=ImportFormat.RAW)
    assert f"/Users/{name}" not in [item.path for item in other.list("/Users")]
    assert sandbox.client().workspace.download(path).read() == b"x"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": "relative.txt"},
        {"path": "/Shared/../etc/passwd", "format": "RAW"},
        {"path": "/Shared/x", "content": "%%%", "format": "RAW"},
        {"path": "/Shared/x", "format": "DBC"},
        {"path": "/Shared/x", "format": "SOURCE"},
        {"path": "/Shared/x", "format": "RAW", "overwrite": "perhaps"},
        [],
    ],
)
def test_an_import_that_makes_no_sense_is_refused(sandbox, body):
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = http.post(f"{sandbox.url}/api/2.0/workspace/import", json=body, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
