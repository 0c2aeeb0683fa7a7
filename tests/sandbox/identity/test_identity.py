from __future__ import annotations

import pytest

from sandbox.config import WORKSPACE_ID
from sandbox.identity.principals import USER, add_token, ensure_principal, principal_of_token
from sandbox.schema import SCHEMAS
from sandbox.store import Store
from sandbox.web.errors import ApiError
from tests import http
from tests.sandbox.running import CLIENT_ID, CLIENT_SECRET

SCIM = "/api/2.0/preview/scim/v2"


def test_the_sdk_learns_the_workspace_from_the_host_metadata(sandbox):
    client = sandbox.client()
    me = client.current_user.me()
    assert me.user_name == "admin@example.com"
    assert "admins" in [group.display for group in me.groups]
    assert client.get_workspace_id() == WORKSPACE_ID


def test_a_service_principal_signs_in_with_its_secret(sandbox):
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    config = Config(
        host=sandbox.url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        auth_type="oauth-m2m",
        retry_timeout_seconds=20,
        config_file="/dev/null",
    )
    me = WorkspaceClient(config=config).current_user.me()
    assert me.user_name == CLIENT_ID
    assert "admins" in [group.display for group in me.groups or []]


@pytest.mark.parametrize("way", ["basic", "form"])
def test_a_token_is_given_for_credentials_in_either_place(sandbox, way):
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    auth = (CLIENT_ID, CLIENT_SECRET) if way == "basic" else None
    if way == "form":
        form |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = http.post(f"{sandbox.url}/oidc/v1/token", data=form, auth=auth).json()
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 3600, "all-apis")
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert http.get(f"{sandbox.url}{SCIM}/Me", headers=headers).json()["userName"] == CLIENT_ID


@pytest.mark.parametrize(
    ("form", "auth", "status", "error"),
    [
        ({"grant_type": "client_credentials"}, (CLIENT_ID, "wrong"), 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, ("nobody", CLIENT_SECRET), 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, None, 401, "invalid_client"),
        ({"grant_type": "password"}, (CLIENT_ID, CLIENT_SECRET), 400, "unsupported_grant_type"),
        ({"scope": "all-apis"}, (CLIENT_ID, CLIENT_SECRET), 400, "invalid_request"),
    ],
)
def test_a_token_is_refused_in_the_words_of_oauth(sandbox, form, auth, status, error):
    answer = http.post(f"{sandbox.url}/oidc/v1/token", data=form, auth=auth)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


def test_both_discovery_documents_can_be_read_without_a_token(sandbox):
    metadata = http.get(f"{sandbox.url}/.well-known/databricks-config").json()
    assert metadata["workspace_id"] == str(WORKSPACE_ID)
    assert metadata["host_type"] == "workspace"
    server = http.get(f"{metadata['oidc_endpoint']}/.well-known/oauth-authorization-server").json()
    assert server["token_endpoint"] == f"{sandbox.url}/oidc/v1/token"
    assert server["authorization_endpoint"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}])
def test_nobody_gets_in_without_a_known_token(sandbox, headers):
    answer = http.get(f"{sandbox.url}{SCIM}/Me", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error_code"] == "UNAUTHENTICATED"


def test_the_sdk_raises_unauthenticated_for_an_unknown_token(sandbox):
    from databricks.sdk.errors import Unauthenticated

    with pytest.raises(Unauthenticated):
        sandbox.client("dapi-unknown").current_user.me()


def test_an_expired_token_is_refused(tmp_path):
    store = Store(tmp_path / "workspace.db", SCHEMAS)
    with store.connection() as connection:
        principal = ensure_principal(connection, "ann@example.com", USER, [])
        add_token(connection, "fresh", principal, lifetime_s=60)
        add_token(connection, "stale", principal, lifetime_s=-1)
    assert principal_of_token(store, "fresh").user_name == "ann@example.com"
    with pytest.raises(ApiError) as refused:
        principal_of_token(store, "stale")
    assert (refused.value.status, refused.value.error_code) == (401, "UNAUTHENTICATED")


def test_tokens_are_kept_as_hashes_only(sandbox):
    token = sandbox.new_user("hashed@example.com")
    files = [path for path in (sandbox.var_dir / "sandbox").glob("workspace.db*") if path.is_file()]
    assert files
    assert all(token.encode() not in path.read_bytes() for path in files)


def test_every_answer_carries_the_workspace_and_a_request_id(sandbox):
    answer = http.get(f"{sandbox.url}{SCIM}/Me", headers={"Authorization": f"Bearer {sandbox.admin_token}"})
    assert answer.headers["x-databricks-org-id"] == str(WORKSPACE_ID)
    assert answer.headers["x-request-id"]


def test_users_come_in_pages_and_can_be_searched(sandbox):
    for name in ("page1@example.com", "page2@example.com", "page3@example.com"):
        sandbox.new_user(name, ["readers"])
    client = sandbox.client()
    names = [user.user_name for user in client.users.list(count=1)]
    assert {"page1@example.com", "page2@example.com", "page3@example.com"} <= set(names)
    assert len(names) == len(set(names))
    (found,) = client.users.list(filter='userName eq "page2@example.com"')
    assert client.users.get(found.id).user_name == "page2@example.com"
    (group,) = client.groups.list(filter='displayName eq "readers"')
    assert "page3@example.com" in [member.display for member in client.groups.get(group.id).members]
    (principal,) = client.service_principals.list(filter=f'applicationId eq "{CLIENT_ID}"')
    assert client.service_principals.get(principal.id).application_id == CLIENT_ID


def test_an_unknown_user_does_not_exist(sandbox):
    from databricks.sdk.errors import ResourceDoesNotExist

    with pytest.raises(ResourceDoesNotExist):
        sandbox.client().users.get("999999")
    with pytest.raises(ResourceDoesNotExist):
        sandbox.client().groups.get("not-a-number")
