"""A deployment with requests that carry ids, and the labels that come later, for tests of quality."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from accounts.models import User
from deployments.models import Deployment
from integrations.databricks.records import JobRun
from integrations.errors import IntegrationError
from monitoring.models import LabelSource
from sketches import quality
from sketches.job import line
from sketches.payloads import SOURCE_COLUMNS
from tests.sketches.recorded_payloads import SCHEMA, payload

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LABELS = pa.schema([("order_id", pa.string()), ("fraud", pa.int64()), ("known_at", pa.timestamp("us", tz="UTC"))])


@dataclass(frozen=True)
class Request:
    """One prediction: the class that was predicted, and the one that it turns out to be."""

    id: str
    at: datetime
    predicted: int
    actual: int

    def payload(self) -> dict[str, Any]:
        row = {"amount": 1.0, "country": "DE"}
        made = payload(f"r-{self.id}", self.at, "card_fraud-3", [row], [self.predicted], "dataframe_records")
        return {**made, "client_request_id": self.id}

    def label(self, at: datetime) -> dict[str, Any]:
        return {"order_id": self.id, "fraud": self.actual, "known_at": at}


def requests(count: int, days: int, last: datetime = NOON, name: str = "order") -> list[Request]:
    """Spread evenly over the ``days`` that end at ``last``; about four of five are predicted right."""
    source = random.Random(5)
    made = []
    for index in range(count):
        actual = int(source.random() < 0.3)
        predicted = actual if source.random() < 0.8 else 1 - actual
        made.append(Request(f"{name}-{index}", last - DAY * (index % days), predicted, actual))
    return made


def payload_table(made: Iterable[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in made], schema=SCHEMA)


def label_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=LABELS)


def name_labels(deployment: Deployment, user: User, **values: Any) -> LabelSource:
    given = {
        "table": "main.risk.chargebacks",
        "id_column": "order_id",
        "label_column": "fraud",
        "time_column": "known_at",
        "kind": "classification",
        "positive_label": "1",
        "updated_by": user,
        "updated_at": NOON,
        **values,
    }
    return LabelSource.objects.create(deployment=deployment, **given)


def joined(made: Iterable[Mapping[str, Any]], labels: Mapping[str, tuple[Any, datetime | None]]) -> pa.RecordBatch:
    """What Spark joins: payloads with {client_request_id: (label, when it was given)}."""
    rows = []
    for row in made:
        label, at = labels.get(row.get("client_request_id") or "", (None, None))
        text = None if label is None else str(label)
        rows.append(
            {
                **{name: row.get(name) for name in (*SOURCE_COLUMNS, quality.CLIENT_ID)},
                quality.LABEL: text,
                quality.LABELLED_AT: at,
                quality.LABELS: None if text is None else 1,
            }
        )
    schema = pa.schema(
        [SCHEMA.field(name) for name in (*SOURCE_COLUMNS, quality.CLIENT_ID)]
        + [(quality.LABEL, pa.string()), (quality.LABELLED_AT, pa.timestamp("us", "UTC")), (quality.LABELS, pa.int64())]
    )
    return pa.RecordBatch.from_pylist(rows, schema=schema)


def counted(batches: Iterable[pa.RecordBatch], **labels: Any) -> dict[str, Any]:
    """What the job finds in ``batches``, without Spark."""
    wanted = {
        "columns": {"amount": "double", "country": "string"},
        "entities": {"card_fraud-3": "3"},
        "labels": {"kind": "classification", "positive": "1", **labels},
    }
    parts = [quality.partial([batch], wanted) for batch in batches]
    rows = [(row["kind"], row["value"]) for part in parts for answer in part for row in answer.to_pylist()]
    report: dict[str, Any] = json.loads(json.dumps(quality.collected(rows)))
    return report


class FakeWorkspace:
    """Jobs of it are over as soon as they are asked for, and print ``report``; None has them fail."""

    def __init__(self, report: Mapping[str, Any] | None) -> None:
        self.report = report
        self.runs: dict[str, int] = {}
        self.files: dict[str, bytes] = {}
        self.dies_on = ""
        self.refuses: IntegrationError | None = None
        self.is_slow = False
        self.cancelled: list[int] = []

    def current_user(self) -> str:
        return "0f8fad5b-d9cb-469f-a165-70867728950e"

    def upload_file(self, path: str, content: bytes) -> None:
        self._may_die("upload_file")
        self.files[path] = content

    def submit_job(self, name: str, python_file: str, parameters: list[str], **options: Any) -> int:
        if self.refuses:
            raise self.refuses
        found = self.runs.setdefault(str(options["idempotency_token"]), len(self.runs) + 1)
        self._may_die("submit_job")
        return found

    def job_run(self, run_id: int) -> JobRun:
        self._may_die("job_run")
        if self.is_slow:
            return JobRun(run_id, life_cycle_state="RUNNING")
        state, words = ("FAILED", "out of memory") if self.report is None else ("SUCCESS", "")
        url = f"https://dbc.example.com/#job/1/run/{run_id}"
        return JobRun(run_id, life_cycle_state="TERMINATED", result_state=state, message=words, url=url)

    def job_output(self, run_id: int) -> str:
        self._may_die("job_output")
        return f"a line before\n{line(self.report or {})}\n"

    def cancel_job_run(self, run_id: int) -> None:
        self.cancelled.append(run_id)

    def _may_die(self, where: str) -> None:
        if self.dies_on == where:
            self.dies_on = ""
            raise WorkerDied(where)


class WorkerDied(BaseException):
    """The process ended right there."""


def report_of(made: Iterable[Request], known: Mapping[str, datetime | None]) -> dict[str, Any]:
    """What a job prints of ``made``, with labels for the ids of ``known``."""
    rows = list(made)
    labels = {one.id: (one.actual, known[one.id]) for one in rows if one.id in known}
    newest = max((at for at in known.values() if at), default=None)
    told = {"count": len(known), "newest": newest.isoformat() if newest else None}
    return {**counted([joined([one.payload() for one in rows], labels)]), "labels": told}
