"""FastAPI dependencies of routes: the caller and the store."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from sandbox.identity.principals import Principal, principal_of_token
from sandbox.store import Store
from sandbox.web.errors import denied, unauthenticated
from sandbox.web.state import from_state


def current_principal(request: Request) -> Principal:
    """Authenticates the request. Raises ApiError 401 if the token is missing, unknown or expired."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("Credential was not sent or was of an unsupported type for this API.")
    principal = principal_of_token(request.app.state.store, token.strip())
    request.scope["principal"] = principal
    return principal


def current_admin(request: Request) -> Principal:
    principal = current_principal(request)
    if not principal.is_admin:
        raise denied(f"{principal.user_name} is not an admin of this workspace.")
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentAdmin = Annotated[Principal, Depends(current_admin)]
CurrentStore = Annotated[Store, from_state("store")]
