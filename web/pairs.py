"""A field of rows, each a name and a value: environment variables, tags."""

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
    """Reads ``<name>_name`` and ``<name>_value``, one of each a row. The rows are drawn by deployments/_pairs.html."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[Pair]:
        if not isinstance(data, QueryDict):
            return []
        names, values = data.getlist(f"{name}_name"), data.getlist(f"{name}_value")
        return list(zip(names, values, strict=False))[:MAX_ROWS]


class PairsField(forms.Field):
    """Cleans to {name: value} without the rows left empty. A name given twice is refused: a dict would lose one."""

    widget = PairsWidget

    def clean(self, value: Any) -> dict[str, str]:
        pairs = filled(value or [])
        names = [name for name, _ in pairs]
        for text in [text for pair in pairs for text in pair]:
            ProhibitNullCharactersValidator()(text)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValidationError(f"Given twice: {', '.join(twice)}.")
        return dict(pairs)


def filled(pairs: list[Pair]) -> list[Pair]:
    """The rows that say something, names without blanks around them."""
    return [(name.strip(), value) for name, value in pairs if name.strip() or value]
