"""Changes to the settings of a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Arrays that are merged, and the key of their items. All other fields are replaced.
MERGED = {
    "tasks": "task_key",
    "job_clusters": "job_cluster_key",
    "environments": "environment_key",
    "parameters": "name",
}
DEFAULTS: dict[str, Any] = {
    "name": "Untitled",
    "email_notifications": {},
    "timeout_seconds": 0,
    "max_concurrent_runs": 1,
    "format": "MULTI_TASK",
}


def updated(settings: Mapping[str, Any], new: Mapping[str, Any], removed: Sequence[str]) -> dict[str, Any]:
    """Removes the fields in `removed`, or items of an array given as `tasks/KEY`, then merges `new`."""
    result = dict(settings)
    for path in removed:
        field, _, key = path.partition("/")
        if key and field in MERGED:
            result[field] = [item for item in result.get(field) or [] if item.get(MERGED[field]) != key]
        else:
            result.pop(field, None)
    for field, value in new.items():
        if field in MERGED:
            items = {item[MERGED[field]]: item for item in [*(result.get(field) or []), *value]}
            result[field] = list(items.values())
        else:
            result[field] = value
    return result
