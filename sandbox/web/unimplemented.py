"""Documented API calls that the sandbox does not implement: they answer 501."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

LIST_NAME = "known_endpoints.txt"


def is_known_but_unimplemented(method: str, path: str) -> bool:
    """Whether the call is documented. Call this only if no route matches."""
    return any(method == known_method and pattern.fullmatch(path) for known_method, pattern in _known())


@cache
def _known() -> tuple[tuple[str, re.Pattern[str]], ...]:
    lines = (files("sandbox.web") / LIST_NAME).read_text(encoding="ascii").splitlines()
    return tuple((method, _pattern(template)) for method, template in (line.split() for line in lines))


def _pattern(template: str) -> re.Pattern[str]:
    """``{name}`` matches one path segment, ``{name...}`` any number."""
    parts = re.split(r"(\{[^}]+\})", template)
    return re.compile("".join(_part_pattern(part) for part in parts))


def _part_pattern(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    return ".+" if part.endswith("...}") else "[^/]+"
