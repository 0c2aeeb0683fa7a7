"""The two errors that services raise: ``Invalid`` for bad input, ``Refused`` for an action not possible now."""

from __future__ import annotations

from collections.abc import Mapping


class Invalid(Exception):
    """The input is not valid. ``fields`` is {dotted field name: [message]}."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))
        self.fields = dict(fields)

    @property
    def text(self) -> str:
        """All messages in one line without field names, for pages that do not show the fields."""
        return " ".join(text for texts in self.fields.values() for text in texts)


class Refused(Exception):
    """The action is not possible now. ``code`` is stable and for API clients; ``message`` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
