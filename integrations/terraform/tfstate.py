"""Compares two versions of Terraform's state without showing secrets.

Format: version 4. https://developer.hashicorp.com/terraform/internals/json-format describes a similar format. In the
state, each instance has ``sensitive_attributes``, a list of paths, beside its attributes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.plan import CHANGED, SENSITIVE, leaves, redact_value


@dataclass(frozen=True)
class StateChange:
    """A change of one attribute. Redacted values show only that they changed."""

    #: Address of a resource instance, or ``output.<name>``.
    address: str
    path: str
    #: None if the attribute was added.
    before: Any
    #: None if the attribute was removed.
    after: Any


def compare(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[StateChange]:
    """The changes from one decoded state to another, sorted by address and path. None stands for no state."""
    old, new = _contents(before or {}), _contents(after or {})
    changes: list[StateChange] = []
    for address in sorted({*old, *new}):
        changes += _compare(address, old.get(address), new.get(address))
    return changes


@dataclass(frozen=True)
class _Content:
    """The leaves of an object, with original values and with redacted ones."""

    raw: Mapping[str, Any]
    shown: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Any, shown: Any) -> _Content:
        return cls(leaves(raw), leaves(shown))


def _compare(address: str, old: _Content | None, new: _Content | None) -> Iterator[StateChange]:
    nothing = _Content({}, {})
    was, now = old or nothing, new or nothing
    if old is None or new is None:
        yield StateChange(address, "", None if old is None else "in the state", None if new is None else "in the state")
    for path in sorted({*was.raw, *now.raw}):
        if was.raw.get(path) != now.raw.get(path):
            before, after = was.shown.get(path), now.shown.get(path)
            is_hidden = isinstance(after, str) and before == after
            yield StateChange(address, path, before, CHANGED.get(str(after), after) if is_hidden else after)


def _contents(state: Mapping[str, Any]) -> dict[str, _Content]:
    found = {}
    for name, row in (state.get("outputs") or {}).items():
        shown = SENSITIVE if row.get("sensitive") else redact_value(row.get("value"))
        found[f"output.{name}"] = _Content.of({"value": row.get("value")}, {"value": shown})
    for resource in state.get("resources") or ():
        for instance in resource.get("instances") or ():
            attributes = instance.get("attributes") or {}
            shown = redact_value(_masked(attributes, instance.get("sensitive_attributes") or ()))
            found[_address(resource, instance)] = _Content.of(attributes, _with_all_leaves(attributes, shown))
    return found


def _with_all_leaves(raw: Any, shown: Any) -> Any:
    """``shown`` with redacted objects in the shape of ``raw``, so that each of their leaves is redacted."""
    if shown == SENSITIVE and isinstance(raw, Mapping):
        return {key: _with_all_leaves(value, SENSITIVE) for key, value in raw.items()}
    if shown == SENSITIVE and isinstance(raw, list):
        return [_with_all_leaves(value, SENSITIVE) for value in raw]
    if isinstance(raw, Mapping) and isinstance(shown, Mapping):
        return {key: _with_all_leaves(value, shown.get(key)) for key, value in raw.items()}
    if isinstance(raw, list) and isinstance(shown, list):
        return [_with_all_leaves(value, text) for value, text in zip(raw, shown, strict=False)]
    return shown


def _address(resource: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
    kind = "data" if resource.get("mode") == "data" else ""
    parts = (resource.get("module"), kind, resource.get("type"), resource.get("name"))
    index = instance.get("index_key")
    suffix = "" if index is None else f'["{index}"]' if isinstance(index, str) else f"[{index}]"
    return ".".join(str(part) for part in parts if part) + suffix


def _masked(attributes: Mapping[str, Any], paths: Any) -> Any:
    """A copy of ``attributes`` with SENSITIVE at each of ``paths``."""
    masked: Any = copy.deepcopy(attributes)
    for path in paths:
        values = [step.get("value") for step in path]
        masked = _mask(masked, [value.get("value") if isinstance(value, Mapping) else value for value in values])
    return masked


def _mask(value: Any, steps: list[Any]) -> Any:
    """``value`` with SENSITIVE at the path ``steps``. If a list has no such element, the whole list is redacted."""
    if value is None:
        return None
    if not steps:
        return SENSITIVE
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict) and step in value:
        return {**value, step: _mask(value[step], rest)}
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        return [_mask(item, rest) if index == step else item for index, item in enumerate(value)]
    return value if isinstance(value, dict) else SENSITIVE
