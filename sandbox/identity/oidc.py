"""Host metadata, and OAuth for machines (client credentials)."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse

from sandbox.config import ACCOUNT_ID, WORKSPACE_ID, SandboxSettings
from sandbox.identity.principals import add_token, find_by_name, new_token
from sandbox.store import Store

router = APIRouter()
TOKEN_LIFETIME_S = 3600
SCOPE = "all-apis"


@router.get("/.well-known/databricks-config")
def host_metadata(request: Request) -> dict[str, Any]:
    return {
        "oidc_endpoint": f"{_base_url(request)}/oidc",
        "account_id": ACCOUNT_ID,
        "workspace_id": str(WORKSPACE_ID),
        "cloud": "AWS",
        "host_type": "workspace",
        "token_federation_default_oidc_audiences": [f"{_base_url(request)}/oidc"],
    }


@router.get("/oidc/.well-known/oauth-authorization-server")
@router.get("/oidc/.well-known/openid-configuration")
def authorization_server(request: Request) -> dict[str, Any]:
    issuer = f"{_base_url(request)}/oidc"
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/v1/authorize",
        "token_endpoint": f"{issuer}/v1/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": [SCOPE],
    }


@router.post("/oidc/v1/token")
def issue_token(
    request: Request,
    grant_type: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
) -> JSONResponse:
    """Answers errors as RFC 6749, section 5.2, defines them."""
    if not grant_type:
        return _refused(400, "invalid_request", "grant_type is missing")
    if grant_type != "client_credentials":
        return _refused(400, "unsupported_grant_type", f"grant_type {grant_type} is not supported")
    given = _basic_credentials(request) or (client_id, client_secret)
    settings: SandboxSettings = request.app.state.settings
    if not _is_client(settings, *given):
        return _refused(401, "invalid_client", "Client authentication failed")
    token = _issue(request.app.state.store, settings.client_id)
    answer = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_S, "scope": SCOPE}
    return JSONResponse(answer, headers={"cache-control": "no-store"})


def _issue(store: Store, client_id: str) -> str:
    token = new_token()
    with store.connection() as connection:
        principal = find_by_name(connection, client_id)
        assert principal is not None
        add_token(connection, token, principal, TOKEN_LIFETIME_S)
    return token


def _basic_credentials(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeError):
        return "", ""
    return client_id, client_secret


def _is_client(settings: SandboxSettings, client_id: str, client_secret: str) -> bool:
    if not settings.client_id:
        return False
    same_id = hmac.compare_digest(client_id.lower().encode(), settings.client_id.encode())
    return hmac.compare_digest(client_secret.encode(), settings.client_secret.encode()) and same_id


def _refused(status: int, error: str, description: str) -> JSONResponse:
    headers = {"www-authenticate": "Basic"} if status == 401 else {}
    return JSONResponse({"error": error, "error_description": description}, status_code=status, headers=headers)


def _base_url(request: Request) -> str:
    return str(request.base_url).rstrip("/")
