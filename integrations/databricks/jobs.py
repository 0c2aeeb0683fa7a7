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
        """Write a workspace file, such as ``/Shared/slipway/x.py``; at most 10 MB. Makes its folder, replaces it."""
        self.do("POST", f"{WORKSPACE_FILES}/mkdirs", body={"path": posixpath.dirname(path)})
        # RAW: with any other format a script that looks like a notebook becomes one.
        body = {"path": path, "content": base64.b64encode(content).decode(), "format": "RAW", "overwrite": True}
        self.do("POST", f"{WORKSPACE_FILES}/import", body=body)

    def has_file(self, path: str) -> bool:
        """Whether there is a workspace file, or anything else, at ``path`` that may be read."""
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
        """Run the script once and return the id of the run, at once.

        ``python_file`` is a workspace file or a file of a volume; ``dependencies`` are pip requirements.
        The same ``idempotency_token`` (at most 64 characters) gives the same run: a call may be repeated.
        A ``timeout_s`` of 0 is none.
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
        """The run as it is now. Raises IntegrationError (permanent) for an unknown one."""
        return decoding.job_run(self._run_row(run_id))

    def job_output(self, run_id: int) -> str:
        """What the only task of the run printed, its last attempt if there were several; at most the last 5 MB."""
        tasks = decoding.rows(self._run_row(run_id).get("tasks"))
        if len({task.get("task_key") for task in tasks}) != 1:
            message = f"run {run_id} has {len(tasks)} tasks: its output is that of each of them"
            raise failure(message, permanent=True, code="INVALID_PARAMETER_VALUE")
        last = max(tasks, key=lambda task: int(task.get("attempt_number") or 0))
        return str(self.do("GET", f"{RUNS}/get-output", query={"run_id": last.get("run_id")}).get("logs") or "")

    def cancel_job_run(self, run_id: int) -> None:
        """Ask for the end of the run; it comes a little later. A run that has ended stays as it is."""
        self.do("POST", f"{RUNS}/cancel", body={"run_id": run_id})

    def _run_row(self, run_id: int) -> Mapping[str, Any]:
        return self.do("GET", f"{RUNS}/get", query={"run_id": run_id})
