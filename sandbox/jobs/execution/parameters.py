"""Dynamic references in parameters, such as `{{job.parameters.day}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sandbox.jobs.records import RunRecord, TaskRun

_REFERENCE = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")


def resolved_parameters(run: RunRecord, task: TaskRun) -> list[str]:
    """The arguments of the script. Parameters of the run override those of the task."""
    overriding = (run.overriding_parameters or {}).get("python_params")
    given = overriding if overriding is not None else task.settings["spark_python_task"].get("parameters") or []
    return resolve(given, _values(run, task))


def resolve(parameters: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Unknown references stay unchanged, as in a workspace."""
    return [_REFERENCE.sub(lambda match: values.get(match[1], match[0]), text) for text in parameters]


def _values(run: RunRecord, task: TaskRun) -> dict[str, str]:
    started = datetime.fromtimestamp(run.start_time / 1000, tz=UTC)
    return {
        "job.id": str(run.job_id),
        "job.name": run.run_name,
        "job.run_id": str(run.run_id),
        "job.start_time.iso_date": started.date().isoformat(),
        "job.start_time.iso_datetime": started.isoformat(timespec="milliseconds"),
        "job.start_time.timestamp_ms": str(run.start_time),
        "job.repair_count": str(max(len(run.repairs) - 1, 0)),
        "task.name": task.task_key,
        "task.run_id": str(task.run_id),
        "task.execution_count": str(task.attempt_number + 1),
        **{f"job.parameters.{item['name']}": item["value"] for item in run.job_parameters},
    }
