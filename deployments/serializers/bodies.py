"""What clients send that is no spec: strict, as the spec is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from deployments.specs import DeploymentSpec, Part


class NewRun(Part):
    """A deploy run takes the whole new spec; a destroy run takes none."""

    kind: Literal["deploy", "destroy"]
    spec: DeploymentSpec | None = None

    @model_validator(mode="after")
    def _spec_where_it_belongs(self) -> NewRun:
        if self.kind == "deploy" and self.spec is None:
            raise ValueError("A deploy run needs a spec.")
        if self.kind == "destroy" and self.spec is not None:
            raise ValueError("A destroy run takes no spec.")
        return self


class Approve(Part):
    """With ``plan_sha256`` the approval is refused (409, plan_changed) if the plan is another one by now."""

    reason: str = Field(default="", max_length=4000)
    plan_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class Reject(Part):
    """The person who asked for the run reads the reason."""

    reason: str = Field(min_length=1, max_length=4000)


class BreakGlass(Part):
    """With ``plan_sha256`` it is refused (409, plan_changed) if the plan is another one by now."""

    reason: str = Field(min_length=10, max_length=4000)
    plan_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


class Override(Part):
    """``result``: the id of one of the run's ``policy_results``."""

    result: int = Field(ge=1, le=2**63 - 1)
    reason: str = Field(min_length=1, max_length=4000)


class Rollback(Part):
    """``run``: the id of an earlier run that went well, one of the deployment's ``rollback-targets``."""

    run: int = Field(ge=1, le=2**63 - 1)


class Nothing(Part):
    """An action without parameters: no body, or an empty object."""
