"""Files of the workspace and one-time runs of Python scripts on serverless compute."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.databricks import decoding
from integrations.databricks.connection import Connection, failure
from integrations.databricks.records import JobRun
from integrations.errors import IntegrationError

WORKSPACE_FILES = "/api/2.0/workspace"
RUNS = "/api/2.2/jobs/runs"
ENVIRONMENT_VERSION = "4"
ONLY = "only"


class JobCalls(Connection):
    def upload_file(self, path: str, content: bytes) -> None:
        """Write a workspace file of at most 10 MB, for example ``/Shared/slipway/x.py``.

        Creates the folder and replaces an existing file.
        """
        self.do("POST", f"{WORKSPACE_FILES}/mkdirs", body={"path": posixpath.dirname(path)})
        # RAW, because other formats convert scripts that look like notebooks.
        body = {"path": path, "content": base64.b64encode(content).decode(), "format": "RAW", "overwrite": True}
        self.do("POST", f"{WORKSPACE_FILES}/import", body=body)

    def has_file(self, path: str) -> bool:
        """Whether a readable workspace object exists at ``path``."""
        try:
            self.do("GET", f"{WORKSPACE_FILES}/get-status", query={"path": path})
        except IntegrationError as error:
            from databricks.sdk.errors import NotFound

            if isinstance(error.__cause__, NotFound):
                return False
            raise
        return True

    def submit_job(
        self,
        name: str,
        python_file: str,
        parameters: Sequence[str],
        *,
        idempotency_token: str,
        timeout_s: int,
        dependencies: Sequence[str] = (),
    ) -> int:
        """Start one run of the script and return its id, without waiting for it.

        ``python_file`` is a workspace file or a file in a volume; ``dependencies`` are pip requirements.
        Idempotent: the same ``idempotency_token`` (at most 64 characters) returns the same run.
        A ``timeout_s`` of 0 means no timeout.
        """
        spec = {"environment_version": ENVIRONMENT_VERSION, "dependencies": list(dependencies)}
        script = {"python_file": python_file, "parameters": list(parameters)}
        body: Mapping[str, Any] = {
            "run_name": name,
            "tasks": [{"task_key": ONLY, "environment_key": ONLY, "spark_python_task": script}],
            "environments": [{"environment_key": ONLY, "spec": spec}],
            "idempotency_token": idempotency_token,
            "timeout_seconds": timeout_s,
        }
        return int(self.do("POST", f"{RUNS}/submit", body=body).get("run_id") or 0)

    def job_run(self, run_id: int) -> JobRun:
        """The current state of the run. Raises IntegrationError (permanent) if the run is unknown."""
        return decoding.job_run(self._run_row(run_id))

    def job_output(self, run_id: int) -> str:
        """The output of the run's only task: the last 5 MB of its last attempt."""
        tasks = decoding.rows(self._run_row(run_id).get("tasks"))
        if len({task.get("task_key") for task in tasks}) != 1:
            message = f"run {run_id} has {len(tasks)} tasks; only a run with one task has an output"
            raise failure(message, permanent=True, code="INVALID_PARAMETER_VALUE")
        last = max(tasks, key=lambda task: int(task.get("attempt_number") or 0))
        return str(self.do("GET", f"{RUNS}/get-output", query={"run_id": last.get("run_id")}).get("logs") or "")

    def cancel_job_run(self, run_id: int) -> None:
        """Request cancellation of the run, which happens asynchronously. No effect on a finished run."""
        self.do("POST", f"{RUNS}/cancel", body={"run_id": run_id})

    def _run_row(self, run_id: int) -> Mapping[str, Any]:
        return self.do("GET", f"{RUNS}/get", query={"run_id": run_id})
