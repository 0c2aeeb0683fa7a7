"""Checks of requests that need no other data. Every check raises ApiError 400."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from sandbox.jobs.api.bodies import JobSettingsBody, RunParametersBody, RunSettingsBody, TaskBody
from sandbox.web.errors import invalid

TASK_KEY = re.compile(r"[\w-]{1,100}", re.ASCII)
MAX_TASKS = 1000
MAX_PARAMETER_BYTES = 10_000
MAX_NAME_BYTES = 4096
MAX_DESCRIPTION_CHARS = 27_700
MAX_TAGS = 25
MAX_TOKEN_CHARS = 64
# Parameters of task types that the sandbox does not run.
FOREIGN_PARAMETERS = (
    "notebook_params", "jar_params", "python_named_params", "spark_submit_params", "sql_params", "dbt_commands",
    "pipeline_params",
)  # fmt: skip


def check_job(settings: JobSettingsBody) -> None:
    if len((settings.name or "").encode()) > MAX_NAME_BYTES:
        raise invalid(f"The name of a job can have at most {MAX_NAME_BYTES} bytes.")
    if len(settings.description or "") > MAX_DESCRIPTION_CHARS:
        raise invalid(f"The description of a job can have at most {MAX_DESCRIPTION_CHARS} characters.")
    if len(settings.tags or {}) > MAX_TAGS:
        raise invalid(f"A job can have at most {MAX_TAGS} tags.")
    _check_unique("parameter", [parameter.name for parameter in settings.parameters or []])
    _check_unique("job_cluster_key", [cluster.job_cluster_key for cluster in settings.job_clusters or []])
    for kind in ("schedule", "trigger", "continuous"):
        plan = getattr(settings, kind)
        if plan is not None and plan.get("pause_status") != "PAUSED":
            raise invalid(f"The sandbox does not start jobs on its own: set pause_status of {kind} to PAUSED.")
    check_tasks(settings, {cluster.job_cluster_key for cluster in settings.job_clusters or []})


def check_tasks(settings: RunSettingsBody, job_clusters: Iterable[str] = ()) -> None:
    tasks = settings.tasks or []
    if len(tasks) > MAX_TASKS:
        raise invalid(f"There can be at most {MAX_TASKS} tasks, got {len(tasks)}.")
    _check_unique("task_key", [task.task_key for task in tasks])
    environments = [environment.environment_key for environment in settings.environments or []]
    _check_unique("environment_key", environments)
    for task in tasks:
        _check_kind(task)
        _check_compute(task, environments, set(job_clusters))
    _check_order({task.task_key: [item.task_key for item in task.depends_on or []] for task in tasks})


def check_token(token: str | None) -> None:
    if token is not None and len(token) > MAX_TOKEN_CHARS:
        raise invalid(f"idempotency_token can have at most {MAX_TOKEN_CHARS} characters, got {len(token)}.")


def check_parameters(body: RunParametersBody) -> None:
    foreign = [name for name in FOREIGN_PARAMETERS if (body.model_extra or {}).get(name)]
    if foreign:
        raise invalid(f"{foreign[0]} is not supported: the sandbox runs spark_python_task tasks only.")
    _check_size("python_params", body.python_params)
    _check_size("job_parameters", body.job_parameters)


def check_known(keys: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise invalid(f"Task {unknown[0]} does not exist.")


def _check_kind(task: TaskBody) -> None:
    if not TASK_KEY.fullmatch(task.task_key):
        raise invalid(f"task_key '{task.task_key}' is not valid: 1 to 100 letters, digits, dashes and underscores.")
    kinds = [name for name, value in (task.model_extra or {}).items() if name.endswith("_task") and value is not None]
    if kinds:
        message = f"Task {task.task_key}: the sandbox cannot run a {kinds[0]}, only a spark_python_task"
        reason = "; it has no notebook kernel." if kinds[0] == "notebook_task" else "."
        raise invalid(message + reason)
    if task.spark_python_task is None:
        raise invalid(f"Task {task.task_key} has no task type: give it a spark_python_task.")
    if task.spark_python_task.source == "GIT":
        raise invalid(f"Task {task.task_key}: the sandbox reads no Git repositories; use the source WORKSPACE.")
    python_file = task.spark_python_task.python_file
    if not python_file.startswith(("/", "dbfs:/")):
        raise invalid(f"Task {task.task_key}: python_file must be an absolute path, got {python_file}.")
    _check_size(f"parameters of task {task.task_key}", task.spark_python_task.parameters)


def _check_compute(task: TaskBody, environments: Sequence[str], job_clusters: set[str]) -> None:
    if task.existing_cluster_id:
        raise invalid(f"Cluster {task.existing_cluster_id} does not exist.")
    if task.job_cluster_key and task.job_cluster_key not in job_clusters:
        raise invalid(f"Job cluster '{task.job_cluster_key}' is not defined in field 'job_clusters'.")
    if task.environment_key and task.environment_key not in environments:
        raise invalid(f"Environment '{task.environment_key}' is not defined in field 'environments'.")
    if not (task.environment_key or task.job_cluster_key or task.new_cluster):
        raise invalid(f"Task {task.task_key} needs an environment_key, or a cluster to run on.")
    if (task.model_extra or {}).get("environment_variables_key"):
        raise invalid(f"Task {task.task_key}: the sandbox does not know environment_variables_key.")


def _check_order(upstream: Mapping[str, Sequence[str]]) -> None:
    for key, needed in upstream.items():
        if missing := sorted(set(needed) - set(upstream)):
            raise invalid(f"Task {key} depends on task {missing[0]}, which does not exist.")
    try:
        TopologicalSorter(upstream).prepare()
    except CycleError as error:
        raise invalid(f"The tasks have a dependency cycle: {' -> '.join(error.args[1])}.") from None


def _check_unique(what: str, names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise invalid(f"Duplicate {what}: '{repeated[0]}'.")


def _check_size(what: str, parameters: object) -> None:
    if parameters is not None and len(json.dumps(parameters).encode()) > MAX_PARAMETER_BYTES:
        raise invalid(f"The JSON of {what} can have at most {MAX_PARAMETER_BYTES} bytes.")
