"""The definitions of the lake's tables."""

from __future__ import annotations

from auditlog.models import LogEntry
from django.db.models import Q

from deployments.models import Approval, Event, Run
from monitoring.cost.models import CostDay
from monitoring.drift.models import WINDOWS_KEPT, DriftDay
from monitoring.health.lake import ENDPOINT_METRICS
from monitoring.quality.models import RECOUNTED, QualityDay
from monitoring.watched.lake_tables import OF_DEPLOYMENT, Column, LakeTable

RUNS = LakeTable(
    "runs",
    "One row for each run with its spec; updated until the run ends.",
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
    # An unfinished run may change at any time.
    changes=lambda moment: Q(finished_at=None) | Q(finished_at__gte=moment) | Q(created_at__gte=moment),
)

RUN_EVENTS = LakeTable(
    "run_events",
    "The log lines of runs.",
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
    "Decisions on plans, and the plan, version and state that each decision is bound to.",
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
    "The audit trail: every change that a user or a pipeline made to a row.",
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
    "Cost of an endpoint or a job on a UTC day, from the workspace's billing tables; null if the SKU has no price.",
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
    # Billing tables are corrected later, so imports read the last months again.
    replaced_days=62,
)

DRIFT_SKETCHES = LakeTable(
    "drift_sketches",
    "Counts of one version's predictions on a UTC day in the bins of its baseline, and the baseline itself.",
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
    # A new baseline recounts the requests of the last 30 days and deletes older days.
    replaced_days=WINDOWS_KEPT.days,
    forgotten_days=29,
)

QUALITY_DAILY = LakeTable(
    "quality_daily",
    "One version's predictions on a UTC day compared with labels: pairs of classes, or sums of errors for numbers.",
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
    # One more day: a count may begin before an export and end after it, on the next day.
    replaced_days=RECOUNTED.days + 1,
    # Another label table recounts only these days and deletes older ones.
    forgotten_days=RECOUNTED.days,
)

EVERY = (RUNS, RUN_EVENTS, APPROVALS, AUDIT, COST_DAILY, ENDPOINT_METRICS, DRIFT_SKETCHES, QUALITY_DAILY)

TABLES = {table.name: table for table in EVERY}
