from __future__ import annotations

import base64
import itertools
import stat

import pytest

from sandbox.schema import SCHEMAS
from sandbox.secrets.vault import SecretVault
from sandbox.store import Store
from sandbox.web.errors import ApiError

_numbers = itertools.count()


@pytest.fixture
def scope(sandbox):
    name = f"scope-{next(_numbers)}"
    sandbox.client().secrets.create_scope(name)
    return name


def test_a_secret_is_put_listed_read_and_deleted(sandbox, scope):
    from databricks.sdk.errors import ResourceDoesNotExist

    client = sandbox.client()
    client.secrets.put_secret(scope, "text", string_value="sesame")
    client.secrets.put_secret(scope, "bytes", bytes_value=base64.b64encode(b"\x00\x01").decode())
    assert [item.key for item in client.secrets.list_secrets(scope)] == ["bytes", "text"]
    assert base64.b64decode(client.secrets.get_secret(scope, "text").value) == b"sesame"
    assert base64.b64decode(client.secrets.get_secret(scope, "bytes").value) == b"\x00\x01"
    client.secrets.delete_secret(scope, "text")
    with pytest.raises(ResourceDoesNotExist):
        client.secrets.get_secret(scope, "text")


def test_scopes_are_listed_and_deleted_with_what_they_hold(sandbox, scope):
    from databricks.sdk.errors import ResourceConflict, ResourceDoesNotExist

    client = sandbox.client()
    client.secrets.put_secret(scope, "k", string_value="v")
    assert scope in [item.name for item in client.secrets.list_scopes()]
    with pytest.raises(ResourceConflict):
        client.secrets.create_scope(scope)
    client.secrets.delete_scope(scope)
    with pytest.raises(ResourceDoesNotExist):
        list(client.secrets.list_secrets(scope))
    client.secrets.create_scope(scope)
    assert list(client.secrets.list_secrets(scope)) == []


def test_values_do_not_lie_in_the_open_on_disk(sandbox, scope):
    sandbox.client().secrets.put_secret(scope, "k", string_value="a-value-nobody-may-read")
    state = sandbox.var_dir / "sandbox"
    files = [path for path in state.glob("*") if path.is_file()]
    assert all(b"a-value-nobody-may-read" not in path.read_bytes() for path in files)
    for name in ("workspace.db", "secrets.key"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600


def test_a_stranger_reads_nothing_until_it_is_on_the_list(sandbox, scope):
    from databricks.sdk.errors import PermissionDenied
    from databricks.sdk.service.workspace import AclPermission

    admin = sandbox.client()
    name = f"{scope}@example.com"
    stranger = sandbox.client(sandbox.new_user(name))
    admin.secrets.put_secret(scope, "k", string_value="v")
    assert scope not in [item.name for item in stranger.secrets.list_scopes()]
    for attempt in (
        lambda: stranger.secrets.get_secret(scope, "k"),
        lambda: list(stranger.secrets.list_secrets(scope)),
        lambda: stranger.secrets.put_secret(scope, "k", string_value="w"),
        lambda: stranger.secrets.put_acl(scope, name, AclPermission.MANAGE),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
    admin.secrets.put_acl(scope, name, AclPermission.READ)
    assert admin.secrets.get_acl(scope, name).permission == AclPermission.READ
    assert base64.b64decode(stranger.secrets.get_secret(scope, "k").value) == b"v"
    with pytest.raises(PermissionDenied):
        stranger.secrets.put_secret(scope, "k", string_value="w")
    admin.secrets.delete_acl(scope, name)
    assert name not in [item.principal for item in admin.secrets.list_acls(scope)]


def test_a_secret_needs_exactly_one_value_and_a_proper_key(sandbox, scope):
    from databricks.sdk.errors import InvalidParameterValue

    secrets = sandbox.client().secrets
    for attempt in (
        lambda: secrets.put_secret(scope, "k"),
        lambda: secrets.put_secret(scope, "k", string_value="a", bytes_value="YQ=="),
        lambda: secrets.put_secret(scope, "k", bytes_value="not base64"),
        lambda: secrets.put_secret(scope, "a b", string_value="v"),
        lambda: secrets.create_scope("a b"),
    ):
        with pytest.raises(InvalidParameterValue):
            attempt()


def test_a_reference_is_resolved_to_its_value_even_after_a_restart(tmp_path):
    store = Store(tmp_path / "workspace.db", SCHEMAS)
    vault = SecretVault(store, tmp_path / "secrets.key")
    with store.connection() as connection:
        connection.execute("INSERT INTO secret_scopes VALUES ('fraud')")
        vault.put(connection, "fraud", "mode", b"strict")
    again = SecretVault(store, tmp_path / "secrets.key")
    assert again.resolve("{{secrets/fraud/mode}}") == "strict"
    assert again.resolve("plain") == "plain"
    for reference, status in (
        ("{{secrets/fraud/none}}", 404),
        ("{{secrets/no/mode}}", 404),
        ("{{secrets/fraud}}", 400),
    ):
        with pytest.raises(ApiError) as refused:
            again.resolve(reference)
        assert refused.value.status == status
