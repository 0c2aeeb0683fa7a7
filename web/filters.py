"""List filters shared by all apps."""

from __future__ import annotations

from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db.models import Q


def words_in(rows: Any, value: str, *fields: str) -> Any:
    """Rows that contain each of the first 10 words of ``value`` in at least one of ``fields``."""
    for word in value.split()[:10]:
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(any_field)
    return rows


def no_nul(value: str) -> None:
    """Reject NUL characters: PostgreSQL cannot store them."""
    if "\x00" in value:
        raise ValidationError("Null characters are not allowed.")


class TextFilter(django_filters.CharFilter):  # type: ignore[misc]  # ships no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, validators=[no_nul], max_length=255, **kwargs)
