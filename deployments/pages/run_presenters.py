"""A run as its page shows it: stages, what it waits for, resources and log lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.urls import reverse
from django.utils import timezone

from deployments.policies.models import Approval
from deployments.rollouts.presenters import rollout_token
from deployments.runs.events import Event
from deployments.runs.models import Run, RunQuerySet
from deployments.runs.records import StageRecord
from deployments.runs.statuses import (
    STAGE_TONES,
    UNFINISHED,
    WORKABLE,
    RunKind,
    RunStatus,
    StageStatus,
)
from deployments.stages.stage import TABLE

# The page warns that no worker is available if no worker has taken a workable run for this long.
NO_WORKER_AFTER = timedelta(seconds=15)
HEAVY_PLAN = ("plan__planfile", "plan__show")


def for_list(runs: RunQuerySet) -> RunQuerySet:
    """Select what a list shows. One query."""
    return runs.select_related("deployment__team", "deployment__environment", "requested_by")


def for_page(runs: RunQuerySet) -> RunQuerySet:
    """Prefetch what a run's page shows. Defers the plan's largest columns. Three queries."""
    decisions = Prefetch("approvals", Approval.objects.select_related("decided_by"))
    rows = runs.select_related(
        "deployment__team",
        "deployment__environment",
        "deployment__workspace",
        "deployment__model",
        "requested_by",
        "cancel_requested_by",
        "plan",
    )
    return rows.defer(*HEAVY_PLAN).prefetch_related("stages", decisions)


# -- stages ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A stage of the rail. ``record`` is its newest pass in this attempt, or None if it was not reached."""

    key: str
    name: str
    state: str
    tone: str
    duration_s: float | None
    reason: str
    url: str
    current: bool
    record: StageRecord | None


def stages(run: Run, shown: str) -> list[Stage]:
    """Every stage of the run's kind, in order. ``shown`` is the open tab."""
    records = _newest_records(run)
    page = reverse("deployments:run", args=[run.pk])
    return [_stage(run, key, records.get(key), f"{page}?tab={key}", key == shown) for key in run.stage_order]


def _newest_records(run: Run) -> dict[str, StageRecord]:
    """The newest record of each stage, up to the first stage that is missing or older than its predecessor.

    Older records belong to an earlier attempt of a run that was resumed or planned again.
    """
    if run.status == RunStatus.QUEUED:
        return {}
    found: dict[str, StageRecord] = {}
    floor = 0
    for key in run.stage_order:
        newest = max((row for row in run.stages.all() if row.stage == key), key=lambda row: row.pk, default=None)
        if newest is None or newest.pk < floor:
            break
        found[key], floor = newest, newest.pk
    return found


def _stage(run: Run, key: RunStatus, record: StageRecord | None, url: str, current: bool) -> Stage:
    state, tone = _state_of(run, record)
    duration = None
    if record and record.status != StageStatus.SKIPPED:
        duration = ((record.finished_at or timezone.now()) - record.started_at).total_seconds()
    reason = _reason(run, record)
    return Stage(key, TABLE[key].label, state, tone, duration, reason, url, current, record)


def _state_of(run: Run, record: StageRecord | None) -> tuple[str, str]:
    if record is None:
        return ("Not reached" if run.is_finished else "Not started"), "idle"
    status = StageStatus(record.status)
    if status == StageStatus.RUNNING and (record.stage == RunStatus.APPROVAL or run.waiting_for):
        status = StageStatus.WAITING
    return status.label, STAGE_TONES[status]


def _reason(run: Run, record: StageRecord | None) -> str:
    """Why the stage waits or was skipped; "" otherwise."""
    if record is None or record.status == StageStatus.PASSED:
        return ""
    if record.finished_at is None:
        return run.waiting_for
    return record.message if record.status == StageStatus.SKIPPED else ""


def token(run: Run) -> str:
    """A token that changes when the page, apart from the log, has something new."""
    closed = sum(1 for row in run.stages.all() if row.finished_at)
    plan = getattr(run, "plan", None)
    moved = rollout_token(run)
    return f"{run.status}.{len(run.stages.all())}.{closed}.{plan.sha256[:8] if plan else ''}.{moved}"


def default_tab(run: Run) -> str:
    """The current stage, or the last one that a finished run reached."""
    if run.status in run.stage_order:
        return run.status
    reached = list(_newest_records(run))
    told = [key for key in reached if _newest_records(run)[key].status != StageStatus.SKIPPED]
    return told[-1] if told else run.stage_order[0]


# -- the header -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """What the run waits for as text, and the run ahead of it in the queue."""

    tone: str
    text: str
    blocking: Run | None = None


def waiting(run: Run) -> Waiting | None:
    if run.status not in UNFINISHED:
        return None
    if run.cancel_requested_at:
        who = run.cancel_requested_by.display_name if run.cancel_requested_by else "an unknown user"
        return Waiting("warn", f"Being cancelled by {who}.")
    if blocking := run.blocking_run():
        return Waiting("idle", f"Waiting for run #{blocking.pk} of the same deployment to end.", blocking)
    if run.status == RunStatus.APPROVAL:
        return Waiting("warn", f"Waiting for an approver of {run.deployment.team}.")
    if run.waiting_for:
        return Waiting("busy", f"{run.waiting_for[0].upper()}{run.waiting_for[1:]}.")
    return _no_worker(run)


def _no_worker(run: Run) -> Waiting | None:
    now = timezone.now()
    is_held = run.lease_token is not None and run.lease_expires_at is not None and run.lease_expires_at > now
    since = run.stage_started_at or run.created_at
    if is_held or run.status not in WORKABLE or now - since < NO_WORKER_AFTER or (run.wake_at and run.wake_at > now):
        return None
    seconds = int((now - since).total_seconds())
    return Waiting("warn", f"No worker has taken the run for {seconds} s. It continues when a worker is available.")


def previous_version(run: Run) -> str:
    """The version that was live before this run; "" for the first run."""
    before = run.deployment.runs.filter(
        pk__lt=run.pk,
        kind__in=(RunKind.DEPLOY, RunKind.ROLLBACK, RunKind.ADOPT),
        status__in=(RunStatus.SUCCEEDED, RunStatus.NO_CHANGE),
    )
    spec = before.values_list("spec", flat=True).first()
    return str(spec.get("version", "")) if spec else ""


def elapsed_s(run: Run) -> float:
    return ((run.finished_at or timezone.now()) - run.created_at).total_seconds()


def approval_expires_at(run: Run) -> datetime | None:
    if run.status != RunStatus.APPROVAL or run.stage_started_at is None:
        return None
    return run.stage_started_at + timedelta(hours=run.deployment.environment.approval_expires_after_hours)


# -- what a stage shows ---------------------------------------------------------------------------

CHECK_TONES = {"pass": "ok", "warn": "warn", "fail": "bad"}
ACTION_TONES = {"create": "ok", "update": "info", "replace": "warn", "delete": "bad", "import": "info"}


def checks(record: StageRecord | None) -> list[dict[str, Any]]:
    found = record.detail.get("checks", []) if record else []
    return [{**check, "tone": CHECK_TONES.get(check.get("result", ""), "unknown")} for check in found]


def plan_changes(changes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The resources that the plan changes, with the tone of each action."""
    acting = [change for change in changes if change.get("action") != "no-op" or change.get("is_import")]
    named = [{**change, "action": "import"} if change.get("action") == "no-op" else change for change in acting]
    return [{**change, "tone": ACTION_TONES.get(change.get("action", ""), "unknown")} for change in named]


def created_resources(run: Run) -> list[str]:
    """Addresses of everything that the stages created, without duplicates."""
    told = [name for row in run.stages.all() for name in [*row.detail.get("resources", []), *row.created]]
    return list(dict.fromkeys(told))


# -- the log --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogLine:
    number: int
    at: datetime
    level: str
    stage: str
    text: str


@dataclass(frozen=True)
class Gap:
    """Lines that exist but are not shown. ``gap_url`` fetches some of them."""

    gap_url: str
    first: int
    last: int


def log_lines(events: Iterable[Event]) -> list[LogLine]:
    return [LogLine(event.number, event.created_at, event.level, event.stage, event.message) for event in events]
