"""A form field of name-value rows, for environment variables and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.http import QueryDict

MAX_ROWS = 60
Pair = tuple[str, str]


class PairsWidget(forms.Widget):
    """Reads one ``<name>_name`` and one ``<name>_value`` per row. deployments/_pairs.html renders the rows."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[Pair]:
        if not isinstance(data, QueryDict):
            return []
        names, values = data.getlist(f"{name}_name"), data.getlist(f"{name}_value")
        return list(zip(names, values, strict=False))[:MAX_ROWS]


class PairsField(forms.Field):
    """Cleans to {name: value} without empty rows. Duplicate names are rejected: a dict would lose one."""

    widget = PairsWidget

    def clean(self, value: Any) -> dict[str, str]:
        pairs = filled(value or [])
        names = [name for name, _ in pairs]
        for text in [text for pair in pairs for text in pair]:
            ProhibitNullCharactersValidator()(text)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValidationError(f"Duplicate names: {', '.join(twice)}.")
        return dict(pairs)


def filled(pairs: list[Pair]) -> list[Pair]:
    """The rows that are not empty, with names stripped."""
    return [(name.strip(), value) for name, value in pairs if name.strip() or value]
