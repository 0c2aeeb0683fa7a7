"""What clients send to go back to an earlier version."""

from __future__ import annotations

from pydantic import Field

from web.bodies import Part


class Rollback(Part):
    """``run``: the id of an earlier run that went well, one of the deployment's ``rollback-targets``."""

    run: int = Field(ge=1, le=2**63 - 1)
