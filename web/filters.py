"""List filters shared by all apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q


def words_in(*fields: str) -> Callable[[Any, str, str], Any]:
    """The method of a filter: rows that contain each of the first 10 words in at least one of ``fields``."""

    def search(rows: Any, name: str, value: str) -> Any:
        for word in value.split()[:10]:
            any_field = Q()
            for field in fields:
                any_field |= Q(**{f"{field}__icontains": word})
            rows = rows.filter(any_field)
        return rows

    return search


def as_it_is(rows: Any, name: str, value: Any) -> Any:
    """The method of a filter whose value is applied elsewhere."""
    return rows


def no_nul(value: str) -> None:
    """Reject NUL characters: PostgreSQL cannot store them."""
    if "\x00" in value:
        raise ValidationError("Null characters are not allowed.")


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]  # ships no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, validators=[no_nul], max_length=255, **kwargs)
