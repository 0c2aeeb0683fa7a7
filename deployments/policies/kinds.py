"""The kind of change that a plan makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from deployments.policies.models import ChangeKind
from integrations.plan import Action

_ENTITY = r"config\[0\]\.served_entities\[\d+\]\."
_SIZES = r"(workload_size|workload_type|scale_to_zero_enabled|min_provisioned_\w+|max_provisioned_\w+)"
# Attribute paths; the first match decides. ``timeouts`` belong to Terraform and do not change the endpoint.
_KINDS: tuple[tuple[re.Pattern[str], ChangeKind], ...] = (
    (re.compile(_ENTITY + _SIZES), ChangeKind.RESIZE),
    (re.compile(r"config\[0\]\.traffic_config\b.*"), ChangeKind.TRAFFIC),
    (re.compile(r"(tags|timeouts)\b.*"), ChangeKind.TAGS_ONLY),
)
_OF_ACTION = {Action.DELETE: ChangeKind.DELETE, Action.REPLACE: ChangeKind.REPLACE, Action.CREATE: ChangeKind.CREATE}


def change_kind(changes: Iterable[Mapping[str, Any]]) -> ChangeKind:
    """The most severe kind among ``RunPlan.changes``. Unknown changes and an empty plan count as REPLACE."""
    kinds = {kind for change in changes for kind in _kinds_of(change)}
    return next((kind for kind in ChangeKind if kind in kinds), ChangeKind.REPLACE)


def _kinds_of(change: Mapping[str, Any]) -> set[ChangeKind]:
    action = change.get("action")
    if action == Action.NO_OP:
        return {ChangeKind.TAGS_ONLY} if change.get("is_import") else set()
    if action != Action.UPDATE:
        return {_OF_ACTION.get(Action(action), ChangeKind.REPLACE)} if action in set(Action) else {ChangeKind.REPLACE}
    if change.get("type") != "databricks_model_serving":
        return {ChangeKind.REPLACE}
    # Values that are known only after apply are computed by the workspace, not requested.
    told = [attribute for attribute in change.get("attributes") or () if not attribute.get("is_unknown")]
    paths = {str(attribute.get("path")) for attribute in told}
    return {next((kind for pattern, kind in _KINDS if pattern.fullmatch(path)), ChangeKind.REPLACE) for path in paths}
