"""Request bodies that start a run."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from deployments.deployment.specs import DeploymentSpec
from web.bodies import Part


class NewRun(Part):
    """A deploy run needs the complete new spec. A destroy run takes no spec."""

    kind: Literal["deploy", "destroy"]
    spec: DeploymentSpec | None = None

    @model_validator(mode="after")
    def _spec_where_it_belongs(self) -> NewRun:
        if self.kind == "deploy" and self.spec is None:
            raise ValueError("A deploy run needs a spec.")
        if self.kind == "destroy" and self.spec is not None:
            raise ValueError("A destroy run takes no spec.")
        return self
