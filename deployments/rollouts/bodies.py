"""Request bodies of rollbacks."""

from __future__ import annotations

from pydantic import Field

from web.bodies import Part


class Rollback(Part):
    """``run`` is the id of an earlier successful run, one of the deployment's rollback targets."""

    run: int = Field(ge=1, le=2**63 - 1)
