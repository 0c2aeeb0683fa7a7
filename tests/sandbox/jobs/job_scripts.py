"""Scripts in the workspace, and runs of them, for the tests of jobs."""

from __future__ import annotations

import textwrap
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.sandbox.running import RunningSandbox
from tests.waiting import wait_until

if TYPE_CHECKING:
    from databricks.sdk.service.jobs import RunTask

ENDED = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}


@dataclass
class Jobs:
    """A folder of its own in the workspace, and short words for what the SDK says at length."""

    sandbox: RunningSandbox
    folder: str = field(default_factory=lambda: f"/Shared/{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.client = self.sandbox.client()
        self.api: Any = self.client.jobs
        self.client.workspace.mkdirs(self.folder)

    def script(self, text: str) -> str:
        """The path of a new workspace file."""
        from databricks.sdk.service.workspace import ImportFormat

        path = f"{self.folder}/{uuid.uuid4().hex}.py"
        self.client.workspace.upload(path, textwrap.dedent(text).encode(), format=ImportFormat.RAW)
        return path

    def task(self, key: str, text: str, parameters: list[str] | None = None, **more: Any) -> dict[str, Any]:
        script = {"python_file": self.script(text), "parameters": parameters or []}
        return {"task_key": key, "environment_key": "env", "spark_python_task": script, **more}

    def settings(self, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
        environments = [{"environment_key": "env", "spec": {"environment_version": "4"}}]
        return {"tasks": list(tasks), "environments": environments, **more}

    def submit(self, *tasks: dict[str, Any], **more: Any) -> int:
        return int(self.post("runs/submit", self.settings(*tasks, **more))["run_id"])

    def create(self, *tasks: dict[str, Any], **more: Any) -> int:
        return int(self.post("create", self.settings(*tasks, **more))["job_id"])

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(self.client.api_client.do("POST", f"/api/2.2/jobs/{path}", body=body))

    def ended(self, run_id: int, timeout_s: float = 60) -> Any:
        """The run once it has ended, however that is."""
        wait_until(lambda: self.life_cycle(run_id) in ENDED, timeout_s)
        return self.api.get_run(run_id, include_history=True)

    def life_cycle(self, run_id: int) -> str:
        return str(self.api.get_run(run_id).state.life_cycle_state.value)

    def result(self, run_id: int) -> str:
        return str(self.ended(run_id).state.result_state.value)

    def running(self, run_id: int) -> None:
        wait_until(lambda: self.life_cycle(run_id) == "RUNNING", 30)

    def latest(self, run_id: int) -> dict[str, RunTask]:
        return {task.task_key: task for task in self.api.get_run(run_id).tasks}

    def output_of(self, run_id: int, key: str) -> Any:
        return self.api.get_run_output(self.latest(run_id)[key].run_id)

    def printed(self, run_id: int, text: str) -> None:
        """Wait until the only task of the run has printed `text`."""
        wait_until(lambda: text in (self.api.get_run_output(run_id).logs or ""), 30)
