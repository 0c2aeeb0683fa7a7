"""The base of request bodies: unknown keys are ignored, and numbers pass where text is asked for."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, protected_namespaces=())

    def given(self) -> dict[str, Any]:
        """The keys that the request set, null included."""
        return self.model_dump(exclude_unset=True)
