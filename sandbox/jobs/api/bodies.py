"""Request bodies: fields that the sandbox uses are validated, all others are kept unchanged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from sandbox.web.bodies import Body

LARGEST = 2**31 - 1
Seconds = Annotated[int, Field(ge=0, le=LARGEST)]
# The range of SQLite: a signed integer of 64 bits.
Number = Annotated[int, Field(ge=0, lt=2**63)]
PlainText = Annotated[str, Field(pattern=r"\A[^\x00]*\z")]
RunIf = Literal["ALL_SUCCESS", "AT_LEAST_ONE_SUCCESS", "NONE_FAILED", "ALL_DONE", "AT_LEAST_ONE_FAILED", "ALL_FAILED"]


class OpenBody(Body):
    """Unknown keys are kept."""

    model_config = ConfigDict(extra="allow")

    def kept(self) -> dict[str, Any]:
        """The given fields without nulls."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)


class DependencyBody(OpenBody):
    task_key: str


class SparkPythonBody(OpenBody):
    python_file: PlainText = Field(min_length=1)
    parameters: list[PlainText] | None = None
    source: Literal["WORKSPACE", "GIT"] | None = None


class TaskBody(OpenBody):
    task_key: str
    depends_on: list[DependencyBody] | None = None
    run_if: RunIf | None = None
    spark_python_task: SparkPythonBody | None = None
    environment_key: str | None = None
    job_cluster_key: str | None = None
    existing_cluster_id: str | None = None
    new_cluster: dict[str, Any] | None = None
    timeout_seconds: Seconds | None = None
    max_retries: Annotated[int, Field(ge=-1)] | None = None
    min_retry_interval_millis: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    retry_on_timeout: bool | None = None
    disabled: bool | None = None


class EnvironmentSpecBody(OpenBody):
    dependencies: list[str] | None = None


class EnvironmentBody(OpenBody):
    environment_key: str
    spec: EnvironmentSpecBody | None = None


class JobClusterBody(OpenBody):
    job_cluster_key: str
    new_cluster: dict[str, Any]


class QueueBody(OpenBody):
    enabled: bool


class RunAsBody(Body):
    user_name: str | None = None
    service_principal_name: str | None = None
    group_name: str | None = None


class ParameterBody(Body):
    name: str = Field(min_length=1)
    default: PlainText


class RunSettingsBody(OpenBody):
    """Settings that jobs and submitted runs share."""

    tasks: list[TaskBody] | None = None
    environments: list[EnvironmentBody] | None = None
    queue: QueueBody | None = None
    run_as: RunAsBody | None = None
    timeout_seconds: Seconds | None = None
    access_control_list: list[dict[str, Any]] | None = None


class JobSettingsBody(RunSettingsBody):
    name: str | None = None
    description: str | None = None
    job_clusters: list[JobClusterBody] | None = None
    max_concurrent_runs: Annotated[int, Field(ge=0, le=1000)] | None = None
    parameters: list[ParameterBody] | None = None
    tags: dict[str, str] | None = None
    schedule: dict[str, Any] | None = None
    trigger: dict[str, Any] | None = None
    continuous: dict[str, Any] | None = None


class SubmitBody(RunSettingsBody):
    run_name: str | None = None
    idempotency_token: str | None = None


class JobBody(Body):
    job_id: Number


class ResetBody(JobBody):
    new_settings: JobSettingsBody


class UpdateBody(JobBody):
    new_settings: JobSettingsBody | None = None
    fields_to_remove: list[str] | None = None


class RunParametersBody(OpenBody):
    job_parameters: dict[str, PlainText] | None = None
    python_params: list[PlainText] | None = None
    queue: QueueBody | None = None


class RunNowBody(RunParametersBody):
    job_id: Number
    idempotency_token: str | None = None
    only: list[str] | None = None


class RunBody(Body):
    run_id: Number


class CancelAllBody(Body):
    job_id: Number | None = None
    all_queued_runs: bool = False


class RepairBody(RunParametersBody):
    run_id: Number
    rerun_tasks: list[str] | None = None
    rerun_all_failed_tasks: bool = False
    rerun_dependent_tasks: bool = False
    latest_repair_id: int | None = None
