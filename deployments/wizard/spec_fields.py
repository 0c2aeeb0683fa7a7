"""What the deployment spec says about its own fields: the wizard repeats no default and no list of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel


def default_of(part: type[BaseModel], name: str) -> Any:
    """The default of the field ``name``; a new object each time."""
    return part.model_fields[name].get_default(call_default_factory=True)


def with_defaults(part: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every field of ``part``: as given, otherwise its default."""
    return {name: given[name] if name in given else default_of(part, name) for name in part.model_fields}


def choices_of(part: type[BaseModel], name: str, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """The values of a ``Literal`` field with their labels. Raises KeyError if a value has no label."""
    return [(value, labels[value]) for value in get_args(part.model_fields[name].annotation)]
