"""Request bodies of decisions on a run."""

from __future__ import annotations

from pydantic import Field

from web.bodies import Part


class Approve(Part):
    """With ``plan_sha256``, the approval is refused (409, plan_changed) if the plan has changed."""

    reason: str = Field(default="", max_length=4000)
    plan_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class Reject(Part):
    """The person who requested the run reads the reason."""

    reason: str = Field(min_length=1, max_length=4000)


class BreakGlass(Part):
    """With ``plan_sha256``, the request is refused (409, plan_changed) if the plan has changed."""

    reason: str = Field(min_length=10, max_length=4000)
    plan_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class Override(Part):
    """``result`` is the id of one of the run's ``policy_results``."""

    result: int = Field(ge=1, le=2**63 - 1)
    reason: str = Field(min_length=1, max_length=4000)
