"""The base of request bodies: unknown keys are ignored, and numbers pass where text is asked for."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, data: Any) -> Any:
        """JSON may escape half of a surrogate pair, which no file and no database can keep."""
        try:
            json.dumps(data, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise ValueError("text has a character that is half of a surrogate pair") from None
        return data

    def given(self) -> dict[str, Any]:
        """The keys that the request set, null included."""
        return self.model_dump(exclude_unset=True)
