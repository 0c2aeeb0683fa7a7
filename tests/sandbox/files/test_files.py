from __future__ import annotations

import io
import itertools

import pytest

from tests import http

_numbers = itertools.count()


@pytest.fixture
def volume(sandbox):
    """The path of a managed volume of this test alone."""
    from databricks.sdk.service.catalog import VolumeType

    name = f"files{next(_numbers)}"
    sandbox.client().volumes.create(
        catalog_name="main", schema_name="default", name=name, volume_type=VolumeType.MANAGED
    )
    return f"/Volumes/main/default/{name}"


@pytest.fixture
def files(sandbox):
    return sandbox.client().files


def test_a_file_is_written_read_described_and_deleted(files, volume):
    from databricks.sdk.errors import NotFound

    path = f"{volume}/deep/down/a b%20c.bin"
    files.upload(path, io.BytesIO(b"\x00payload"), overwrite=False)
    assert files.download(path).contents.read() == b"\x00payload"
    found = files.get_metadata(path)
    assert (found.content_length, found.content_type) == (8, "application/octet-stream")
    assert found.last_modified
    files.delete(path)
    for get in (lambda: files.download(path), lambda: files.get_metadata(path), lambda: files.delete(path)):
        with pytest.raises(NotFound):
            get()


def test_a_file_is_overwritten_only_if_that_is_asked_for(files, volume):
    from databricks.sdk.errors import AlreadyExists

    files.upload(f"{volume}/f", io.BytesIO(b"1"))
    with pytest.raises(AlreadyExists):
        files.upload(f"{volume}/f", io.BytesIO(b"2"))
    files.upload(f"{volume}/f", io.BytesIO(b"2"), overwrite=True)
    assert files.download(f"{volume}/f").contents.read() == b"2"


def test_a_directory_lists_what_it_holds_in_pages(sandbox, files, volume):
    from databricks.sdk.errors import BadRequest, NotFound

    files.create_directory(f"{volume}/d")
    for name in ("b", "a"):
        files.upload(f"{volume}/d/{name}", io.BytesIO(b"x"))
    files.create_directory(f"{volume}/d/sub")
    listed = list(files.list_directory_contents(f"{volume}/d", page_size=1))
    assert [(item.name, item.is_directory, item.file_size) for item in listed] == [
        ("a", False, 1),
        ("b", False, 1),
        ("sub", True, None),
    ]
    assert listed[0].path == f"{volume}/d/a"
    with pytest.raises(BadRequest):
        files.delete_directory(f"{volume}/d")
    files.delete_directory(f"{volume}/d/sub")
    with pytest.raises(NotFound):
        files.get_directory_metadata(f"{volume}/d/sub")


def test_a_file_of_many_parts_arrives_whole(files, volume):
    content = bytes(range(256)) * 4096 * 60
    assert len(content) > 50 * 1024 * 1024
    files.upload(f"{volume}/large", io.BytesIO(content), overwrite=True)
    assert files.get_metadata(f"{volume}/large").content_length == len(content)
    assert files.download(f"{volume}/large").contents.read() == content


@pytest.mark.parametrize("path", ["/etc/passwd", "/Volumes/main", "/Models/main/default", "/"])
def test_a_path_outside_of_models_and_volumes_is_invalid(sandbox, path):
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = http.get(f"{sandbox.url}/api/2.0/fs/files{path}", headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_dots_lead_nowhere(sandbox, volume):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
    path = f"/api/2.0/fs/files{volume}/%2e%2e/%2e%2e/workspace.db"
    connection.request("GET", path, headers={"Authorization": f"Bearer {sandbox.admin_token}"})
    answer = connection.getresponse()
    assert answer.status in (400, 404)
    assert b"SQLite" not in answer.read()
    connection.close()


def test_a_volume_that_is_not_there_has_no_files(files):
    from databricks.sdk.errors import ResourceDoesNotExist

    with pytest.raises(ResourceDoesNotExist, match=r"Volume 'main.default.none' does not exist"):
        files.download("/Volumes/main/default/none/f")


def test_a_stranger_may_not_write(sandbox, volume):
    from databricks.sdk.errors import PermissionDenied

    stranger = sandbox.client(sandbox.new_user("files-stranger@example.com"))
    with pytest.raises(PermissionDenied):
        stranger.files.upload(f"{volume}/f", io.BytesIO(b"1"))
