"""A Terraform plan as data and as sentences, read from ``terraform show -json``, never from console output."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from integrations import plan_words

GIVEN = "(given)"
SENSITIVE = "(sensitive)"
# Shown after a change if both values are hidden.
CHANGED = {GIVEN: "(given, changed)", SENSITIVE: "(sensitive, changed)"}
_SENSITIVE_WORDS = frozenset({SENSITIVE, CHANGED[SENSITIVE]})

_SECRET_REFERENCE = re.compile(r"\{\{secrets/[^/{}]+/[^/{}]+\}\}")
_PRINCIPALS = ("group_name", "user_name", "service_principal_name")
# {key of values in show -json: key of the marks for sensitive values}.
_MARKS = {"before": "before_sensitive", "after": "after_sensitive", "values": "sensitive_values"}


class Action(StrEnum):
    """The action on a resource, in ascending order of severity."""

    NO_OP = "no-op"
    UPDATE = "update"
    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"

    @property
    def severity(self) -> int:
        """0 for no-op to 4 for delete."""
        return list(Action).index(self)


@dataclass(frozen=True)
class AttributeChange:
    """A change of one attribute. Values of sensitive attributes are redacted."""

    #: For example ``config[0].served_entities[0].entity_version`` or ``tags.cost_center``.
    path: str
    before: Any
    #: None if unknown before the apply.
    after: Any
    is_sensitive: bool
    is_unknown: bool


@dataclass(frozen=True)
class ResourceChange:
    """A change of one resource."""

    address: str
    type: str
    action: Action
    attributes: tuple[AttributeChange, ...]
    #: Redacted; None on create.
    before: Mapping[str, Any] | None
    #: Redacted; None on delete.
    after: Mapping[str, Any] | None
    is_import: bool
    #: Terraform's ``action_reason``, or "".
    reason: str


@dataclass(frozen=True)
class Plan:
    """A redacted Terraform plan."""

    #: The most severe first.
    changes: tuple[ResourceChange, ...]
    #: Changes made outside of Terraform.
    drift: tuple[ResourceChange, ...]
    sha256: str

    @classmethod
    def from_show_json(cls, document: Mapping[str, Any]) -> Plan:
        """Read a plan; ``document`` may already be redacted. Raises ValueError if it is not a plan."""
        if "format_version" not in document:
            raise ValueError("not a plan of terraform show -json: format_version is missing")
        redacted = redact(document)
        changes = [_resource_change(raw) for raw in redacted.get("resource_changes", ())]
        changes.sort(key=lambda change: (-change.action.severity, change.address))
        drift = tuple(_resource_change(raw) for raw in redacted.get("resource_drift", ()))
        return cls(tuple(changes), drift, canonical_sha256(redacted))

    @property
    def action(self) -> Action:
        """The most severe action in the plan."""
        return max((change.action for change in self.changes), key=lambda a: a.severity, default=Action.NO_OP)

    @property
    def has_changes(self) -> bool:
        return any(change.action is not Action.NO_OP or change.is_import for change in self.changes)

    @property
    def changes_something(self) -> bool:
        """Whether the plan changes anything in the workspace; an import does not."""
        return self.action is not Action.NO_OP

    def summary(self) -> dict[str, int]:
        """The number of resources per action, including zeros, plus "import"."""
        counts = Counter(change.action.value for change in self.changes)
        imports = sum(change.is_import for change in self.changes)
        return {action.value: counts[action.value] for action in Action} | {"import": imports}

    def sentences(self) -> tuple[str, ...]:
        """The plan as sentences about models and endpoints, the most severe first; never empty."""
        told = [sentence for change in self.changes for sentence in _sentences(change)]
        return tuple(told) or ("No changes: the endpoint matches the requested configuration",)

    def drift_sentences(self) -> tuple[str, ...]:
        """Changes made outside of Terraform, as sentences."""
        return tuple(sentence for change in self.drift for sentence in _drift_sentences(change))


def redact(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``show -json`` that is safe to store and show. Idempotent.

    Replaces values that Terraform marks as sensitive, and environment variables except references to secrets.
    """
    redacted: dict[str, Any] = _redact_object(document)
    return redacted


def canonical_sha256(document: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the JSON with sorted keys and without ``timestamp``."""
    content = {key: value for key, value in document.items() if key != "timestamp"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _resource_change(raw: Mapping[str, Any]) -> ResourceChange:
    change = raw["change"]
    before, after = change.get("before"), change.get("after")
    action, attributes = _action(change["actions"]), tuple(_attribute_changes(change))
    # An update of nothing but Terraform's timeouts only writes the state, without a call to the workspace.
    is_only_waiting = bool(attributes) and all(one.path.startswith("timeouts.") for one in attributes)
    if change.get("importing") and action is Action.UPDATE and is_only_waiting:
        action = Action.NO_OP
    return ResourceChange(
        address=raw["address"],
        type=raw["type"],
        action=action,
        attributes=() if action is Action.NO_OP else attributes,
        before=before,
        after=after,
        is_import=bool(change.get("importing")),
        reason=str(raw.get("action_reason", "")),
    )


def _action(actions: list[str]) -> Action:
    if "create" in actions and "delete" in actions:
        return Action.REPLACE
    return Action(actions[0]) if actions[0] in set(Action) else Action.NO_OP


def _attribute_changes(change: Mapping[str, Any]) -> Iterator[AttributeChange]:
    before, after = leaves(change.get("before")), leaves(change.get("after"))
    unknown = {path for path, value in leaves(change.get("after_unknown")).items() if value is True}
    for path in sorted({*before, *after, *unknown}):
        old, new, is_unknown = before.get(path), after.get(path), path in unknown
        if old == new and not is_unknown:
            continue
        is_sensitive = any(isinstance(value, str) and value in _SENSITIVE_WORDS for value in (old, new))
        yield AttributeChange(path, old, new, is_sensitive, is_unknown)


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """{path: scalar}. Tags and access rules are unordered sets, so their paths contain the key or the principal."""
    if path.startswith("tags.") and isinstance(value, Mapping):
        return {path: value.get("value")}
    if isinstance(value, Mapping):
        children = {f"{path}.{key}" if path else key: child for key, child in value.items()}
    elif isinstance(value, list):
        children = {_element_path(path, index, child): child for index, child in enumerate(value)}
    else:
        return {} if value is None else {path: value}
    return {leaf: found for name, child in children.items() for leaf, found in leaves(child, name).items()}


def _element_path(path: str, index: int, element: Any) -> str:
    if isinstance(element, Mapping) and path == "tags" and "key" in element:
        return f"{path}.{element['key']}"
    if isinstance(element, Mapping) and path == "access_control":
        principal = next((str(element[key]) for key in _PRINCIPALS if element.get(key)), str(index))
        return f"{path}.{principal}"
    return f"{path}[{index}]"


def _sentences(change: ResourceChange) -> list[str]:
    told = [plan_words.import_sentence(change.after or {})] if change.is_import else []
    before, after = change.before or {}, change.after or {}
    if change.type == "databricks_permissions":
        return told + _permission_sentences(change)
    if change.type != "databricks_model_serving":
        is_told = change.is_import or change.action is not Action.NO_OP
        return [*told, f"{change.action.value.capitalize()} {change.address}"] if is_told else []
    if change.action is Action.CREATE:
        return plan_words.create_sentences(after)
    if change.action is Action.REPLACE:
        return plan_words.replace_sentences(before, after, change.reason)
    if change.action is Action.DELETE:
        return [plan_words.delete_sentence(before)]
    return told + _update_sentences(change)


def _update_sentences(change: ResourceChange) -> list[str]:
    if change.action is Action.NO_OP:
        return []
    told = plan_words.update_sentences(change.before or {}, change.after or {})
    if told:
        return told
    if not change.attributes:
        return ["A change with values that Terraform does not show"]
    paths = [a.path for a in change.attributes if not a.path.startswith("timeouts.")]
    if paths:
        return [f"Settings without a redeploy: {', '.join(paths)}"]
    return [] if change.is_import else ["Terraform timeouts only, no change of the endpoint"]


def _permission_sentences(change: ResourceChange) -> list[str]:
    if change.action is Action.NO_OP:
        return []
    if change.action is Action.REPLACE:
        return plan_words.permission_sentences({}, change.after or {})
    return plan_words.permission_sentences(change.before or {}, change.after or {})


def _drift_sentences(change: ResourceChange) -> list[str]:
    if change.type == "databricks_model_serving" and change.after is None:
        return ["The endpoint was deleted outside of Slipway"]
    return [f"Changed outside of Slipway: {sentence}" for sentence in _sentences(change)]


def _redact_object(value: Mapping[str, Any]) -> dict[str, Any]:
    redacted: dict[str, Any] = {}
    for key, child in value.items():
        marked = _mask(child, value.get(_MARKS[key])) if key in _MARKS else child
        redacted[key] = _redact_environment(marked) if key == "environment_vars" else redact_value(marked)
    if value.get("sensitive") is True and "value" in redacted:
        redacted["value"] = SENSITIVE
    if "before" in value and "after" in value:
        redacted["after"] = _tell_changed(value["before"], value["after"], redacted["before"], redacted["after"])
    return redacted


def _tell_changed(before: Any, after: Any, hidden_before: Any, hidden_after: Any) -> Any:
    """``hidden_after`` with a mark at redacted values that changed, because they look the same after redaction."""
    values = (before, after, hidden_before, hidden_after)
    if all(isinstance(value, Mapping) for value in values):
        return {
            key: _tell_changed(before.get(key), after.get(key), hidden_before.get(key), child)
            for key, child in hidden_after.items()
        }
    if all(isinstance(value, list) for value in values):
        triples = zip_longest(before[: len(after)], after, hidden_before[: len(after)], hidden_after)
        return [_tell_changed(*four) for four in triples]
    is_hidden = isinstance(hidden_after, str) and hidden_after in CHANGED and hidden_before == hidden_after
    return CHANGED[hidden_after] if is_hidden and before != after else hidden_after


def redact_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _redact_object(value)
    return [redact_value(item) for item in value] if isinstance(value, list) else value


def _redact_environment(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return redact_value(value)
    return {
        name: GIVEN if isinstance(text, str) and not _SECRET_REFERENCE.fullmatch(text) else text
        for name, text in value.items()
    }


def _mask(value: Any, marks: Any) -> Any:
    """``value`` with SENSITIVE wherever ``marks``, which has the same shape, is True."""
    if marks is True:
        return None if value is None else SENSITIVE
    if isinstance(value, Mapping) and isinstance(marks, Mapping):
        return {key: _mask(child, marks.get(key)) for key, child in value.items()}
    if isinstance(value, list) and isinstance(marks, list):
        padded = [*marks, *[None] * len(value)]
        return [_mask(child, mark) for child, mark in zip(value, padded, strict=False)]
    return value
