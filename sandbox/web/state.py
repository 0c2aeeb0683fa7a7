"""What the application keeps for its routes in ``app.state``."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request


def from_state(name: str) -> Any:
    """The dependency of a route on ``app.state.<name>``: ``Annotated[Store, from_state("store")]``."""

    async def found(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(found)
