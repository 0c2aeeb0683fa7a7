"""Plans the state after apply: defaults, values known after apply, forced replacement.

Follows the rules of Terraform's SDKv2, which the real resources use. An Optional+Computed value that is not
configured keeps its prior value, or is unknown before the first apply. Unset and zero values are equal.
"""

from __future__ import annotations

from typing import Any

from tf.types import Unknown

from standin_databricks.schema import Spec, State

Path = list[str | int]

_ZERO_VALUES: tuple[Any, ...] = (None, "", False, 0, [], {})


def is_zero(value: Any) -> bool:
    return value is not Unknown and any(value == zero for zero in _ZERO_VALUES)


def is_change(before: Any, after: Any) -> bool:
    return bool(before != after) and not (is_zero(before) and is_zero(after))


def plan_state(spec: Spec, prior: State | None, proposed: State) -> tuple[State, list[Path]]:
    """The planned state and the paths of the changes that force a replacement."""
    replacing: list[Path] = []
    planned = _plan_object(spec, prior, proposed, [], replacing)
    return planned, replacing


def _plan_object(spec: Spec, prior: State | None, proposed: State, path: Path, replacing: list[Path]) -> State:
    planned = dict(proposed)
    for name, attribute in spec["attributes"].items():
        planned[name] = _plan_attribute(attribute, prior, name, proposed.get(name))
        if prior is not None and attribute.get("force_new") and is_change(prior.get(name), planned[name]):
            replacing.append([*path, name])
    for name, block in spec.get("blocks", {}).items():
        prior_block = None if prior is None else prior.get(name)
        planned[name] = _plan_block(block, prior_block, proposed.get(name), [*path, name], replacing)
    return planned


def _plan_attribute(attribute: Spec, prior: State | None, name: str, value: Any) -> Any:
    if value is None and "default" in attribute:
        return attribute["default"]
    if prior is None:
        return Unknown if value is None and attribute.get("computed") else value
    before = prior.get(name)
    if value is None and not attribute.get("computed") and is_zero(before):
        return before
    if attribute.get("case_insensitive") and _same_but_for_case(before, value):
        return before
    return value


def _same_but_for_case(before: Any, value: Any) -> bool:
    return isinstance(before, str) and isinstance(value, str) and before.lower() == value.lower()


def _plan_block(block: Spec, prior: Any, value: Any, path: Path, replacing: list[Path]) -> Any:
    if not value and value is not Unknown and block.get("computed"):
        return prior or Unknown
    if value is None or value is Unknown:
        return value
    if block["mode"] == "single":
        return _plan_object(block, prior, value, path, replacing)
    if block["mode"] == "set":
        return value
    before = prior if isinstance(prior, list) else []
    return [
        _plan_object(block, before[i] if i < len(before) else None, item, [*path, i], replacing)
        for i, item in enumerate(value)
    ]
