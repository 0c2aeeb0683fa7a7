"""The two ways in which Slipway says no: ``Invalid`` input, and an action that is ``Refused`` now."""

from __future__ import annotations

from collections.abc import Mapping


class Invalid(Exception):
    """A spec cannot be accepted. ``fields`` is {dotted field name: [message]}."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items()))
        self.fields = dict(fields)

    @property
    def text(self) -> str:
        """All that is wrong in one line, without the names of fields: for a page that does not show them."""
        return " ".join(text for texts in self.fields.values() for text in texts)


class Refused(Exception):
    """The action is not possible now. ``code`` is stable and goes to API clients; the text is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
