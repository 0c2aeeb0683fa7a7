"""Jobs, runs and task runs: JSON documents in the store."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from sandbox.jobs.states import State
from sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL UNIQUE, job_id INTEGER NOT NULL,
    run_type TEXT NOT NULL, start_time INTEGER NOT NULL, is_active INTEGER NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS job_runs_by_job ON job_runs (job_id, seq);
CREATE TABLE IF NOT EXISTS job_task_runs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id INTEGER NOT NULL UNIQUE,
    parent_run_id INTEGER NOT NULL REFERENCES job_runs (run_id) ON DELETE CASCADE, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS job_task_runs_by_parent ON job_task_runs (parent_run_id, seq);
CREATE TABLE IF NOT EXISTS job_run_tokens (
    scope TEXT NOT NULL, token TEXT NOT NULL, run_id INTEGER NOT NULL, PRIMARY KEY (scope, token));
"""
JOB_RUN, SUBMIT_RUN = "JOB_RUN", "SUBMIT_RUN"


def new_id() -> int:
    """A random number of 15 digits, like the ids of a workspace. It fits a double."""
    return 10**14 + secrets.randbelow(9 * 10**14)


class JobRecord(BaseModel):
    """One job."""

    job_id: int
    creator: str
    created_time: int
    #: As given in the request.
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.settings.get("name") or "Untitled")


class TaskRun(BaseModel):
    """One attempt at one task. Times are Unix ms, or 0 if not reached."""

    run_id: int
    parent_run_id: int
    task_key: str
    #: The settings of the task as given in the request.
    settings: dict[str, Any]
    attempt_number: int = 0
    created_at: int
    start_time: int = 0
    end_time: int = 0
    state: State
    error: str = ""
    error_trace: str = ""

    @property
    def depends_on(self) -> list[str]:
        return [str(item["task_key"]) for item in self.settings.get("depends_on") or []]


class Repair(BaseModel):
    """One entry of the repair history. The first entry is the original run."""

    id: int | None = None
    start_time: int
    end_time: int = 0
    state: State
    task_run_ids: list[int]


class RunRecord(BaseModel):
    """One run of a job, or a submitted run."""

    run_id: int
    job_id: int
    run_name: str
    run_type: str
    creator: str
    run_as: str
    #: The settings of the job or of the request, without the tasks.
    settings: dict[str, Any]
    job_parameters: list[dict[str, str]] = Field(default_factory=list)
    overriding_parameters: dict[str, Any] | None = None
    start_time: int
    end_time: int = 0
    queue_duration: int = 0
    state: State
    repairs: list[Repair] = Field(default_factory=list)
    #: All attempts, oldest first.
    tasks: list[TaskRun] = Field(default_factory=list, exclude=True)

    @property
    def latest(self) -> dict[str, TaskRun]:
        """The last attempt at each task, in task order."""
        return {task.task_key: task for task in self.tasks}

    @property
    def timeout_s(self) -> int:
        return int(self.settings.get("timeout_seconds") or 0)


@dataclass(frozen=True)
class RunFilter:
    """The filter of `runs/list`; None means any. Times are Unix ms, inclusive."""

    job_id: int | None = None
    is_active: bool | None = None
    run_type: str | None = None
    start_time_from: int | None = None
    start_time_to: int | None = None


class JobRecords:
    """The table `jobs`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, job_id: int) -> JobRecord | None:
        with self._store.reading() as connection:
            row = connection.execute("SELECT document FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
        return JobRecord.model_validate_json(row["document"]) if row else None

    def newest_first(self) -> list[tuple[int, JobRecord]]:
        """Pairs of sequence number and job."""
        with self._store.reading() as connection:
            rows = connection.execute("SELECT seq, document FROM jobs ORDER BY seq DESC").fetchall()
        return [(row["seq"], JobRecord.model_validate_json(row["document"])) for row in rows]

    def save(self, job: JobRecord) -> None:
        with self._store.connection() as connection:
            connection.execute(
                "INSERT INTO jobs (job_id, document) VALUES (?, ?) "
                "ON CONFLICT (job_id) DO UPDATE SET document = excluded.document",
                (job.job_id, job.model_dump_json(exclude_none=True)),
            )

    def remove(self, job_id: int) -> None:
        with self._store.connection() as connection:
            connection.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))


class RunRecords:
    """The tables `job_runs`, `job_task_runs` and `job_run_tokens`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, run_id: int) -> RunRecord | None:
        with self._store.reading() as connection:
            row = connection.execute("SELECT document FROM job_runs WHERE run_id = ?", (run_id,)).fetchone()
            return _with_tasks(connection, row) if row else None

    def parent_of(self, task_run_id: int) -> int | None:
        """The id of the run that contains the task run."""
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT parent_run_id FROM job_task_runs WHERE run_id = ?", (task_run_id,)
            ).fetchone()
        return int(row["parent_run_id"]) if row else None

    def newest_first(self, wanted: RunFilter) -> list[tuple[int, int, int]]:
        """Tuples of sequence number, run id and job id."""
        with self._store.reading() as connection:
            rows = connection.execute(
                "SELECT seq, run_id, job_id FROM job_runs WHERE (:job_id IS NULL OR job_id = :job_id) "
                "AND (:is_active IS NULL OR is_active = :is_active) AND (:run_type IS NULL OR run_type = :run_type) "
                "AND (:start_time_from IS NULL OR start_time >= :start_time_from) "
                "AND (:start_time_to IS NULL OR start_time <= :start_time_to) ORDER BY seq DESC",
                vars(wanted),
            ).fetchall()
        return [(row["seq"], row["run_id"], row["job_id"]) for row in rows]

    def active(self) -> list[RunRecord]:
        """Oldest request first."""
        found = [self.get(run_id) for _, run_id, _ in reversed(self.newest_first(RunFilter(is_active=True)))]
        return [run for run in found if run is not None]

    def add(self, run: RunRecord, token: tuple[str, str] | None) -> None:
        """`token` is the pair of scope and idempotency token of the request."""
        with self._store.connection() as connection:
            _save_run(connection, run)
            _save_tasks(connection, run.tasks)
            if token is not None:
                connection.execute("INSERT INTO job_run_tokens VALUES (?, ?, ?)", (*token, run.run_id))

    def save(self, run: RunRecord, tasks: Iterable[TaskRun] = ()) -> None:
        with self._store.connection() as connection:
            _save_run(connection, run)
            _save_tasks(connection, tasks)

    def remove(self, run_id: int) -> None:
        """The run's idempotency token stays in use."""
        with self._store.connection() as connection:
            connection.execute("DELETE FROM job_runs WHERE run_id = ?", (run_id,))

    def run_of_token(self, scope: str, token: str) -> int | None:
        with self._store.reading() as connection:
            row = connection.execute(
                "SELECT run_id FROM job_run_tokens WHERE scope = ? AND token = ?", (scope, token)
            ).fetchone()
        return int(row["run_id"]) if row else None


def _with_tasks(connection: sqlite3.Connection, row: sqlite3.Row) -> RunRecord:
    run = RunRecord.model_validate_json(row["document"])
    rows = connection.execute(
        "SELECT document FROM job_task_runs WHERE parent_run_id = ? ORDER BY seq", (run.run_id,)
    ).fetchall()
    run.tasks = [TaskRun.model_validate_json(task["document"]) for task in rows]
    return run


def _save_run(connection: sqlite3.Connection, run: RunRecord) -> None:
    connection.execute(
        "INSERT INTO job_runs (run_id, job_id, run_type, start_time, is_active, document) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (run_id) DO UPDATE SET is_active = excluded.is_active, document = excluded.document",
        (
            run.run_id,
            run.job_id,
            run.run_type,
            run.start_time,
            not run.state.is_finished,
            run.model_dump_json(exclude_none=True),
        ),
    )


def _save_tasks(connection: sqlite3.Connection, tasks: Iterable[TaskRun]) -> None:
    connection.executemany(
        "INSERT INTO job_task_runs (run_id, parent_run_id, document) VALUES (?, ?, ?) "
        "ON CONFLICT (run_id) DO UPDATE SET document = excluded.document",
        [(task.run_id, task.parent_run_id, task.model_dump_json(exclude_none=True)) for task in tasks],
    )
