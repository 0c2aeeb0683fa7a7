"""The base class of request bodies: ignores unknown keys, and accepts numbers as text."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _is_text(cls, data: Any) -> Any:
        """Rejects lone surrogates: JSON can escape them, but files and databases cannot store them."""
        try:
            json.dumps(data, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise ValueError("text has a character that is half of a surrogate pair") from None
        return data

    def given(self) -> dict[str, Any]:
        """The keys that the request set, including nulls."""
        return self.model_dump(exclude_unset=True)
