"""The tables of the lake as data: where their rows come from, their columns, their keys, and how long they are kept."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import orjson
from auditlog.models import LogEntry
from django.db.models import Max, Min, Model, Q, QuerySet

from deployments.models import Approval, Event, Run
from monitoring.models import CostDay, DriftDay, HealthBucket, QualityDay
from monitoring.models.drift import WINDOWS_KEPT
from monitoring.models.health import COARSE, KEPT
from monitoring.models.quality import RECOUNTED

Kind = Literal["int64", "float64", "string", "bool", "timestamp", "date", "json", "packed", "decimal"]
# Rows that were still being committed when the last export read may be as old as this.
OVERLAP_S = 900


@dataclass(frozen=True)
class Column:
    """``path`` leads from the model to the value, as in ``QuerySet.values``.

    Times are UTC, json is text; packed is JSON behind zlib in the database, and text here.
    """

    name: str
    kind: Kind
    path: str


@dataclass(frozen=True)
class LakeTable:
    """``at`` is the time that a row belongs to: its UTC day is the partition, the column ``date``.

    ``keys`` are columns that make a row one row. ``changes`` says which rows may have changed since a moment; where it
    is None, rows are never changed and ``at`` says which are new. With ``replaced_days`` rows of a day may change up to
    so many days back, and the lake replaces whole days; ``forgotten_days``: older days the database may have forgotten,
    at least in part, and the lake keeps them as they were. ``only`` says which rows of the model are meant.
    ``schema_version`` counts changes of ``columns``; it stands in each row. ``keep_days``: None is for ever.
    """

    name: str
    text: str
    model: Callable[[], type[Model]]
    columns: tuple[Column, ...]
    at: str
    keys: tuple[str, ...]
    schema_version: int = 1
    changes: Callable[[datetime], Q] | None = None
    replaced_days: int = 0
    forgotten_days: int | None = None
    only: Q = field(default_factory=Q)
    keep_days: int | None = None

    @property
    def may_change(self) -> bool:
        return self.changes is not None

    def rows(self) -> QuerySet[Any, dict[str, Any]]:
        """Every row of the database, oldest first; names of columns to values."""
        manager = self.model()._default_manager.filter(self.only).order_by("pk")
        # A value is asked for by its path: a column may have the name of another field.
        return manager.values(*{column.path for column in self.columns})

    def changed_since(self, moment: datetime) -> QuerySet[Any, dict[str, Any]]:
        changed = self.changes(moment) if self.changes else Q(**{f"{self.at}__gte": moment})
        return self.rows().filter(changed)

    def days(self) -> set[date]:
        """The UTC days between the first and the last row of the database."""
        manager = self.model()._default_manager.filter(self.only)
        ends = manager.aggregate(first=Min(self.at), last=Max(self.at))
        if ends["first"] is None:
            return set()
        first, last = _day(ends["first"]), _day(ends["last"])
        return {first + timedelta(days=number) for number in range((last - first).days + 1)}

    def of_day(self, day: date) -> QuerySet[Any, dict[str, Any]]:
        start, end = self._moment(day), self._moment(day + timedelta(days=1))
        return self.rows().filter(**{f"{self.at}__gte": start, f"{self.at}__lt": end})

    def before(self, moment: datetime) -> QuerySet[Any, dict[str, Any]]:
        """Where days are replaced, up to the end of the day before: the day of ``moment`` is still filled."""
        end = self._moment(moment.astimezone(UTC).date()) if self.replaced_days else moment
        return self.rows().filter(**{f"{self.at}__lt": end})

    def first_whole_day(self, today: date) -> date:
        """From this day on the database has all that there was."""
        return date.min if self.forgotten_days is None else today - timedelta(days=self.forgotten_days)

    def _moment(self, day: date) -> date | datetime:
        """The start of the day, as ``at`` is compared."""
        kind = next(column.kind for column in self.columns if column.path == self.at)
        return datetime.combine(day, time(), UTC) if kind == "timestamp" else day

    def record(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row of the lake from a row of ``rows``."""
        values = {column.name: _stored(column.kind, row[column.path]) for column in self.columns}
        return {**values, "date": _day(row[self.at]), "schema_version": self.schema_version}


def _day(moment: date | datetime) -> date:
    """In UTC."""
    return moment.astimezone(UTC).date() if isinstance(moment, datetime) else moment


def _stored(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    if kind == "packed":
        return zlib.decompress(bytes(value)).decode()
    return str(value) if kind == "string" else value


def _runs_since(moment: datetime) -> Q:
    """An unfinished run may have moved on at any time."""
    return Q(finished_at=None) | Q(finished_at__gte=moment) | Q(created_at__gte=moment)


OF_DEPLOYMENT = (
    Column("deployment_id", "int64", "deployment_id"),
    Column("deployment", "string", "deployment__name"),
    Column("model", "string", "deployment__model__full_name"),
    Column("environment", "string", "deployment__environment__slug"),
    Column("team", "string", "deployment__team__slug"),
)

RUNS = LakeTable(
    "runs",
    "One row for each run, with what it was asked to make; rewritten until the run has ended.",
    lambda: Run,
    (
        Column("run_id", "int64", "pk"),
        *OF_DEPLOYMENT,
        Column("kind", "string", "kind"),
        Column("status", "string", "status"),
        Column("version", "string", "spec__version"),
        Column("spec", "json", "spec"),
        Column("message", "string", "message"),
        Column("requested_by", "string", "requested_by__username"),
        Column("attempts", "int64", "attempt"),
        Column("created_at", "timestamp", "created_at"),
        Column("started_at", "timestamp", "started_at"),
        Column("finished_at", "timestamp", "finished_at"),
    ),
    at="created_at",
    keys=("run_id",),
    changes=_runs_since,
)
RUN_EVENTS = LakeTable(
    "run_events",
    "The lines of the runs' logs.",
    lambda: Event,
    (
        Column("run_id", "int64", "run_id"),
        Column("number", "int64", "number"),
        Column("created_at", "timestamp", "created_at"),
        Column("stage", "string", "stage"),
        Column("level", "string", "level"),
        Column("source", "string", "source"),
        Column("message", "string", "message"),
    ),
    at="created_at",
    keys=("run_id", "number"),
)
APPROVALS = LakeTable(
    "approvals",
    "Decisions on plans, and what each of them was bound to.",
    lambda: Approval,
    (
        Column("approval_id", "int64", "pk"),
        Column("run_id", "int64", "run_id"),
        Column("decision", "string", "decision"),
        Column("decided_by", "string", "decided_by__username"),
        Column("decided_at", "timestamp", "decided_at"),
        Column("reason", "string", "reason"),
        Column("plan_sha256", "string", "plan_sha256"),
        Column("model_version", "string", "model_version"),
        Column("state_serial", "int64", "state_serial"),
    ),
    at="decided_at",
    keys=("approval_id",),
)
AUDIT = LakeTable(
    "audit",
    "Who changed what: every change of a row that people or pipelines made.",
    lambda: LogEntry,
    (
        Column("entry_id", "int64", "pk"),
        Column("at", "timestamp", "timestamp"),
        Column("actor", "string", "actor__username"),
        Column("action", "int64", "action"),
        Column("app", "string", "content_type__app_label"),
        Column("table", "string", "content_type__model"),
        Column("object_id", "string", "object_pk"),
        Column("object", "string", "object_repr"),
        Column("changes", "json", "changes"),
        Column("request_id", "string", "cid"),
        Column("remote_address", "string", "remote_addr"),
    ),
    at="timestamp",
    keys=("entry_id",),
)
COST_DAILY = LakeTable(
    "cost_daily",
    "What an endpoint or a job cost on a UTC day, as the workspace's billing tables say it; no cost where no price is.",
    lambda: CostDay,
    (
        Column("workspace", "string", "workspace__name"),
        Column("usage_date", "date", "date"),
        Column("endpoint_id", "string", "endpoint_id"),
        Column("endpoint_name", "string", "endpoint_name"),
        Column("job", "string", "job"),
        *OF_DEPLOYMENT,
        Column("kind", "string", "kind"),
        Column("sku", "string", "sku"),
        Column("unit", "string", "unit"),
        Column("quantity", "decimal", "quantity"),
        Column("currency", "string", "currency"),
        Column("cost", "decimal", "cost"),
    ),
    at="date",
    keys=("workspace", "usage_date", "endpoint_id", "job", "kind", "sku", "unit", "currency"),
    # A workspace corrects what it has billed: imports read the last months again.
    replaced_days=62,
)
ENDPOINT_METRICS = LakeTable(
    "endpoint_metrics",
    "What one version of an endpoint answered in an hour, and how busy it was; the database forgets it after 31 days.",
    lambda: HealthBucket,
    (
        *OF_DEPLOYMENT,
        Column("version", "string", "version"),
        Column("start", "timestamp", "start"),
        Column("minutes", "int64", "minutes"),
        Column("requests", "float64", "requests"),
        Column("errors_4xx", "float64", "errors_4xx"),
        Column("errors_5xx", "float64", "errors_5xx"),
        Column("latency", "json", "latency"),
        Column("model_latency", "json", "model_latency"),
        Column("load_minutes", "int64", "load_minutes"),
        Column("cpu_percent", "float64", "cpu_percent"),
        Column("memory_percent", "float64", "memory_percent"),
        Column("concurrency", "float64", "concurrency"),
        Column("slot_minutes", "int64", "slot_minutes"),
        Column("asleep_minutes", "int64", "asleep_minutes"),
        Column("cold_starts", "int64", "cold_starts"),
        Column("is_backfilled", "bool", "is_backfilled"),
    ),
    at="start",
    keys=("deployment_id", "version", "start"),
    schema_version=2,
    # Hours without metrics are filled from the inference table when somebody asks for it.
    replaced_days=KEPT[COARSE].days,
    forgotten_days=KEPT[COARSE].days - 1,
    only=Q(width=COARSE),
)
DRIFT_SKETCHES = LakeTable(
    "drift_sketches",
    "Counts of the predictions of one version on a UTC day, in the bins of its baseline, and the baseline itself.",
    lambda: DriftDay,
    (
        *OF_DEPLOYMENT,
        Column("version", "int64", "version__version"),
        Column("day", "date", "date"),
        Column("rows", "int64", "rows"),
        Column("sketch", "packed", "packed"),
        Column("baseline", "json", "baseline__data"),
        Column("computed_at", "timestamp", "computed_at"),
    ),
    at="date",
    keys=("deployment_id", "version", "day"),
    # Requests of the last 30 days are counted again when another baseline comes; older days go with the one before.
    replaced_days=WINDOWS_KEPT.days,
    forgotten_days=29,
)
QUALITY_DAILY = LakeTable(
    "quality_daily",
    "Predictions of one version on a UTC day beside their labels: of classes pairs, of numbers sums of the error.",
    lambda: QualityDay,
    (
        *OF_DEPLOYMENT,
        Column("version", "int64", "version__version"),
        Column("day", "date", "date"),
        Column("label_table", "string", "deployment__label_source__table"),
        Column("kind", "string", "deployment__label_source__kind"),
        Column("positive_label", "string", "deployment__label_source__positive_label"),
        Column("predictions", "int64", "predictions"),
        Column("with_id", "int64", "with_id"),
        Column("labelled", "int64", "labelled"),
        Column("timed", "int64", "timed"),
        Column("delay_s", "float64", "delay_s"),
        Column("error", "float64", "error"),
        Column("absolute", "float64", "absolute"),
        Column("squared", "float64", "squared"),
        Column("pairs", "json", "pairs"),
    ),
    at="date",
    keys=("deployment_id", "version", "day"),
    # A count that began before the last export ended after it, perhaps on the next day.
    replaced_days=RECOUNTED.days + 1,
    # Of other labels only these days are counted anew; older ones go with the labels before.
    forgotten_days=RECOUNTED.days,
)
EVERY = (RUNS, RUN_EVENTS, APPROVALS, AUDIT, COST_DAILY, ENDPOINT_METRICS, DRIFT_SKETCHES, QUALITY_DAILY)
TABLES = {table.name: table for table in EVERY}
