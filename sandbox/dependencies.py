"""What routes ask FastAPI for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from sandbox.identity import Principal, current_admin, current_principal
from sandbox.store import Store


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
CurrentAdmin = Annotated[Principal, Depends(current_admin)]
CurrentStore = Annotated[Store, Depends(_store)]
