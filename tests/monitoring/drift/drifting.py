"""A deployment with traffic for tests of drift: its inference table is a real Delta table, its jobs run at once.

The workspace is a stand-in that takes the file of a job and runs what is in it on the table's rows, without Spark.
"""

from __future__ import annotations

import random
import runpy
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from deployments.models import Deployment
from integrations.databricks.records import JobRun
from integrations.errors import IntegrationError
from monitoring.drift import counting as drift
from monitoring.models import DriftJob
from sketches.payloads import SOURCE_COLUMNS
from tests.sketches.recorded_payloads import payload, write

INPUTS = [
    {"name": "amount", "type": "double"},
    {"name": "age", "type": "long"},
    {"name": "hour", "type": "integer"},
    {"name": "country", "type": "string"},
    {"name": "is_new", "type": "boolean"},
    {"name": "empty", "type": "double"},
    {"name": "constant", "type": "double"},
    {"name": "since", "type": "datetime"},
]
Row = dict[str, Any]
MOST_STEPS = 40


def normal(source: random.Random) -> Row:
    return {
        "amount": source.gauss(50, 10),
        "age": source.randrange(18, 90),
        "hour": source.randrange(24),
        "country": source.choice(["DE", "FR", "ÖÜ"]),
        "is_new": source.random() < 0.3,
        "empty": None,
        "constant": 1,
        "since": f"2026-01-{source.randrange(1, 28):02d}T00:00:00",
    }


def shifted(source: random.Random) -> Row:
    """Two features are others; ``amount`` and ``country``."""
    return {**normal(source), "amount": source.gauss(75, 10), "country": source.choice(["DE", "US"])}


def give_table(deployment: Deployment) -> None:
    """As a run leaves a deployment with an inference table: version 3 has all the traffic."""
    catalog, schema, _ = deployment.model.full_name.split(".")
    prefix = deployment.name.replace("-", "_")
    table = {"enabled": True, "catalog_name": catalog, "schema_name": schema, "table_name_prefix": prefix}
    deployment.intended = {**deployment.intended, "inference_table": table}
    deployment.served = [{"name": "card_fraud-3", "entity_name": "x", "entity_version": "3", "traffic": 100}]
    deployment.save()
    deployment.model.versions.filter(version=3).update(signature={"inputs": INPUTS})


class Traffic:
    """Writes requests, ten rows each, to a Delta table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source = random.Random(11)
        self._sent = 0

    def send(
        self,
        rows: int,
        at: datetime,
        make: Callable[[random.Random], Row],
        entity: str = "card_fraud-3",
        predict: Callable[[random.Random], float] = random.Random.random,
    ) -> None:
        """Spread over the 50 minutes after ``at``."""
        made = []
        for index in range(0, rows, 10):
            ten = [make(self._source) for _ in range(min(10, rows - index))]
            predictions = [predict(self._source) for _ in ten]
            self._sent += 1
            when = at + timedelta(seconds=3000 * index / rows)
            made.append(payload(f"r{self._sent}", when, entity, ten, predictions, "dataframe_records"))
        write(self.path, made)


class FakeWorkspace:
    """Runs a job when it is asked how the job is. ``refuses`` and ``fails_after`` make it go wrong."""

    def __init__(self, table: Path) -> None:
        self.table = table
        self.files: dict[str, bytes] = {}
        self.runs: dict[str, int] = {}
        self.wanted: dict[int, Mapping[str, Any]] = {}
        self.outputs: dict[int, str] = {}
        self.refuses: IntegrationError | None = None
        self.dies_on: str = ""
        self.fails_with: str = ""
        self.is_slow = False
        self.table_is_gone = False

    def current_user(self) -> str:
        return "0f8fad5b-d9cb-469f-a165-70867728950e"

    def upload_file(self, path: str, content: bytes) -> None:
        self._may_die("upload_file")
        self.files[path] = content

    def submit_job(self, name: str, python_file: str, parameters: list[str], **options: Any) -> int:
        if self.refuses:
            raise self.refuses
        token = str(options["idempotency_token"])
        if token not in self.runs:
            run_id = self.runs[token] = len(self.runs) + 1
            self.outputs[run_id] = self._run(self.files[python_file], run_id)
        self._may_die("submit_job")
        return self.runs[token]

    def job_run(self, run_id: int) -> JobRun:
        self._may_die("job_run")
        if self.is_slow:
            return JobRun(run_id, life_cycle_state="RUNNING")
        state, words = ("FAILED", self.fails_with) if self.fails_with else ("SUCCESS", "")
        url = f"https://dbc.example.com/#job/1/run/{run_id}"
        return JobRun(run_id, life_cycle_state="TERMINATED", result_state=state, message=words, url=url)

    def job_output(self, run_id: int) -> str:
        self._may_die("job_output")
        return f"a line before\n{self.outputs[run_id]}\n"

    def cancel_job_run(self, run_id: int) -> None:
        self.is_slow = False

    def _may_die(self, where: str) -> None:
        if self.dies_on == where:
            raise WorkerDied(where)

    def _run(self, content: bytes, run_id: int) -> str:
        path = self.table.parent / f"job-{run_id}.py"
        path.write_bytes(content)
        names = runpy.run_path(str(path), run_name="drift")
        job, wanted = names["load"](names["PACKAGE"], names["SOURCES"]), names["WANTED"]
        self.wanted[run_id] = wanted
        if self.table_is_gone:
            return str(job.line({"windows": [], "baseline": None, "skipped": {job.NO_TABLE: 1}})).strip()
        batches = list(self._payloads(wanted))
        if wanted["kind"] == "windows":
            parts = names["worker"](wanted)(batches)
            report = job.collected((row["kind"], row["value"]) for part in parts for row in part.to_pylist())
        elif wanted["source"] == "table":
            if not DeltaTable.is_deltatable(wanted["table"]):
                return str(job.line({"windows": [], "baseline": None, "skipped": {job.NO_TABLE: 1}})).strip()
            table = DeltaTable(wanted["table"], version=wanted["table_version"]).to_pyarrow_table()
            made = self._of_rows(job, table, wanted)
            report = made or job.baseline_of_table(table, wanted, lambda uri: self.model)
        else:
            first = pa.Table.from_batches(batches).sort_by("request_time").slice(0, wanted["max_rows"])
            rows = job.rows_of_traffic(first.to_batches(), wanted)[0]
            report = self._of_rows(job, rows, wanted) or job.baseline_of_traffic(first.to_batches(), wanted)
        return str(job.line(report)).strip()

    def _of_rows(self, job: Any, rows: pa.Table | None, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
        """The importance of features to a model that looks at two of them; None if that is not what is wanted."""
        if wanted["kind"] != "importance":
            return None
        found: dict[str, Any] = job.importance_of(rows, wanted, lambda uri: self.model)
        return found

    @staticmethod
    def model(frame: Any) -> Any:
        return frame["amount"] + frame["age"] / 10

    def _payloads(self, wanted: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        rows = pa.table(DeltaTable(str(self.table)).to_pyarrow_table()).select(list(SOURCE_COLUMNS))
        start, end = (datetime.fromisoformat(wanted[name]) for name in ("start", "end"))
        time = rows.column("request_time")
        kept = rows.filter(pc.and_(pc.greater_equal(time, pa.scalar(start)), pc.less(time, pa.scalar(end))))
        yield from kept.to_batches(max_chunksize=200) or [pa.RecordBatch.from_pylist([], kept.schema)]


class WorkerDied(BaseException):
    """The process ended right there."""


def settle(
    deployment: Deployment, workspace: FakeWorkspace, now: datetime, until: Callable[[DriftJob], bool] | None = None
) -> DriftJob:
    """What workers do until there is nothing to do at ``now``, or until a job runs of which ``until`` is true."""
    for _ in range(MOST_STEPS):
        row = Deployment.objects.select_related("workspace", "model", "environment").get(pk=deployment.pk)
        before = DriftJob.objects.filter(deployment=row).values_list("token", "status", "job_run_id").first()
        drift.step(row, connect=lambda _: workspace, now=now)  # type: ignore[arg-type, return-value]
        job = DriftJob.objects.get(deployment=row)
        if before == (job.token, job.status, job.job_run_id):
            return job
        if until is not None and job.status == DriftJob.Status.RUNNING and until(job):
            return job
    raise AssertionError("there is always something to do")
