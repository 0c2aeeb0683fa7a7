"""Converts values between Terraform and the REST API.

A block with at most one item is an object in the API and a list in Terraform. Other blocks are arrays in both.
"""

from __future__ import annotations

from typing import Any

from standin_databricks.planning import is_zero
from standin_databricks.schema import Spec, State
from standin_databricks.wire import is_known


def to_api(spec: Spec, value: State) -> dict[str, Any]:
    """The JSON body, without unset and unknown values."""
    body = {k: v for k in spec["attributes"] if (v := value.get(k)) is not None and is_known(v)}
    for name, block in spec.get("blocks", {}).items():
        items = value.get(name)
        if not items or not is_known(items):
            continue
        rendered = [to_api(block, item) for item in items]
        body[name] = rendered[0] if block.get("max_items") == 1 else rendered
    return body


def from_api(spec: Spec, answer: dict[str, Any], reference: State | None) -> State:
    """The state for an API response.

    ``reference`` is the planned or last known state. If a value is unset or zero in both, the reference's is kept.
    """
    state = {name: _read_attribute(a, name, answer.get(name), reference) for name, a in spec["attributes"].items()}
    for name, block in spec.get("blocks", {}).items():
        if block["mode"] == "single":
            state[name] = None if reference is None else reference.get(name)
            continue
        state[name] = _read_items(block, answer.get(name), None if reference is None else reference.get(name))
    return state


def _read_attribute(attribute: Spec, name: str, value: Any, reference: State | None) -> Any:
    if attribute.get("computed"):
        return value
    if reference is None:
        return None if value == "" else value
    known = reference.get(name)
    return known if is_zero(known) and is_zero(value) else value


def _read_items(block: Spec, value: Any, reference: Any) -> list[State]:
    if value is None:
        return []
    items = [value] if isinstance(value, dict) else value
    known = reference if isinstance(reference, list) else []
    return [from_api(block, item, _counterpart(block, item, i, known)) for i, item in enumerate(items)]


def _counterpart(block: Spec, item: dict[str, Any], index: int, known: list[State]) -> State | None:
    """The known state of ``item``: the same position of a list, or the same required values of a set."""
    if block["mode"] != "set":
        return known[index] if index < len(known) else None
    required = [name for name, attribute in block["attributes"].items() if attribute.get("required")]
    return next((k for k in known if all(k.get(name) == item.get(name) for name in required)), None)
