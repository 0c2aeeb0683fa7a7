"""Names in Unity Catalog: lower case, separated by dots."""

from __future__ import annotations

import re

from sandbox.web.errors import invalid

MAX_LENGTH = 255
FORBIDDEN = re.compile(r"[./ \x00-\x1f\x7f]")


def object_name(value: str, what: str) -> str:
    """The name in lower case. Raises ApiError 400 if it is empty, too long, or has a dot, slash, space or control."""
    if not value:
        raise invalid(f"{what} name must not be empty.")
    if len(value) > MAX_LENGTH or FORBIDDEN.search(value):
        raise invalid(f"'{value}' is not a valid {what} name.")
    return value.lower()


def full_name(value: str, levels: int, what: str) -> str:
    """The dotted name in lower case. Raises ApiError 400 if it does not have exactly ``levels`` valid parts."""
    names = value.split(".")
    if len(names) != levels:
        raise invalid(f"'{value}' is not a full {what} name: it must have {levels} parts separated by dots.")
    return ".".join(object_name(name, what) for name in names)


def is_model_name(value: str) -> bool:
    """Whether an MLflow registered model with this name is a model of Unity Catalog."""
    names = value.split(".")
    return len(names) == 3 and value == value.lower() and all(name and not FORBIDDEN.search(name) for name in names)


def parent(value: str) -> str:
    return value.rpartition(".")[0]


def last(value: str) -> str:
    return value.rpartition(".")[2]
