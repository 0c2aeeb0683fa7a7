"""Forms whose input is judged by a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django import forms

from web.errors import Invalid


class JudgedForm(forms.Form):
    """A form that shows what a service refused: each message beside its field, the others above the form."""

    #: {name in the service: name of the field}, where the two differ.
    renamed: ClassVar[Mapping[str, str]] = {}

    def show(self, invalid: Invalid) -> None:
        for name, texts in invalid.fields.items():
            for text in texts:
                self.add_error(self.field_of(name), text)

    def field_of(self, name: str) -> str | None:
        """The field that a dotted name of an ``Invalid`` belongs to; None if the form has no such field."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            dotted = ".".join(parts[:length])
            field = self.renamed.get(dotted, dotted)
            if field in self.fields:
                return field
        return None
