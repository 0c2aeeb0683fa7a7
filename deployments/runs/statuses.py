"""The life of a run as data: states, what people read, and which state may follow which."""

from __future__ import annotations

from django.db import models


class RunKind(models.TextChoices):
    DEPLOY = "deploy", "Deploy"
    ROLLBACK = "rollback", "Roll back"
    ADOPT = "adopt", "Adopt"
    DESTROY = "destroy", "Destroy"


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"
    PREFLIGHT = "preflight", "Preflight"
    PLAN = "plan", "Planning"
    COST = "cost", "Pricing"
    POLICY = "policy", "Checking policies"
    APPROVAL = "approval", "Waiting for approval"
    APPLY = "apply", "Applying"
    ENDPOINT = "endpoint", "Waiting for the endpoint"
    SMOKE = "smoke", "Smoke test"
    ROLLOUT = "rollout", "Rolling out"
    SUCCEEDED = "succeeded", "Succeeded"
    NO_CHANGE = "no_change", "No change"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"
    ROLLED_BACK = "rolled_back", "Rolled back"
    ROLLBACK_FAILED = "rollback_failed", "Rollback failed"
    INTERRUPTED = "interrupted", "Interrupted"


S = RunStatus

# A run in one of these holds its deployment: there is at most one (see the constraint on Run).
ACTIVE = (S.PREFLIGHT, S.PLAN, S.COST, S.POLICY, S.APPROVAL, S.APPLY, S.ENDPOINT, S.SMOKE, S.ROLLOUT)

TERMINAL = (
    S.SUCCEEDED,
    S.NO_CHANGE,
    S.REJECTED,
    S.EXPIRED,
    S.CANCELLED,
    S.FAILED,
    S.ROLLED_BACK,
    S.ROLLBACK_FAILED,
    S.INTERRUPTED,
)

UNFINISHED = (S.QUEUED, *ACTIVE)

# In APPROVAL a person has the next word; a worker may take a run in any other of these and work on it.
WORKABLE = tuple(status for status in UNFINISHED if status != S.APPROVAL)

RESUMABLE = (S.INTERRUPTED, S.FAILED)

# May have left something in the workspace that nobody wants.
CLEANABLE = (S.INTERRUPTED, S.FAILED, S.CANCELLED)

# The endpoint is as the run wanted it.
GOOD = (S.SUCCEEDED, S.NO_CHANGE)

# Nobody may have seen that something is wrong in the workspace.
ALARMING = (S.FAILED, S.ROLLED_BACK, S.ROLLBACK_FAILED, S.INTERRUPTED)

_ENDS = {S.FAILED, S.CANCELLED, S.INTERRUPTED}

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    S.QUEUED: frozenset({S.PREFLIGHT, S.CANCELLED, S.FAILED}),
    S.PREFLIGHT: frozenset({S.PLAN, *_ENDS}),
    S.PLAN: frozenset({S.COST, S.NO_CHANGE, S.SUCCEEDED, *_ENDS}),
    S.COST: frozenset({S.POLICY, *_ENDS}),
    S.POLICY: frozenset({S.APPROVAL, S.APPLY, S.PLAN, S.EXPIRED, *_ENDS}),
    S.APPROVAL: frozenset({S.APPLY, S.REJECTED, S.EXPIRED, S.PLAN, *_ENDS}),
    S.APPLY: frozenset({S.ENDPOINT, S.SUCCEEDED, S.PLAN, *_ENDS}),
    S.ENDPOINT: frozenset({S.SMOKE, S.SUCCEEDED, *_ENDS}),
    S.SMOKE: frozenset({S.ROLLOUT, S.SUCCEEDED, *_ENDS}),
    S.ROLLOUT: frozenset({S.SUCCEEDED, S.ROLLED_BACK, S.ROLLBACK_FAILED, *_ENDS}),
    S.INTERRUPTED: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.SUCCEEDED: frozenset(),
    S.NO_CHANGE: frozenset(),
    S.REJECTED: frozenset(),
    S.EXPIRED: frozenset(),
    S.CANCELLED: frozenset(),
    S.ROLLED_BACK: frozenset(),
    S.ROLLBACK_FAILED: frozenset(),
}

TONES: dict[RunStatus, str] = {
    S.QUEUED: "idle",
    S.PREFLIGHT: "busy",
    S.PLAN: "busy",
    S.COST: "busy",
    S.POLICY: "busy",
    S.APPROVAL: "warn",
    S.APPLY: "busy",
    S.ENDPOINT: "busy",
    S.SMOKE: "busy",
    S.ROLLOUT: "busy",
    S.SUCCEEDED: "ok",
    S.NO_CHANGE: "ok",
    S.REJECTED: "bad",
    S.EXPIRED: "warn",
    S.CANCELLED: "idle",
    S.FAILED: "bad",
    S.ROLLED_BACK: "warn",
    S.ROLLBACK_FAILED: "bad",
    S.INTERRUPTED: "warn",
}

# The stages of each kind of run, in order.
_TO_LIVE = (S.PREFLIGHT, S.PLAN, S.COST, S.POLICY, S.APPROVAL, S.APPLY, S.ENDPOINT, S.SMOKE)

STAGES: dict[RunKind, tuple[RunStatus, ...]] = {
    RunKind.DEPLOY: (*_TO_LIVE, S.ROLLOUT),
    RunKind.ROLLBACK: _TO_LIVE,
    RunKind.ADOPT: (S.PREFLIGHT, S.PLAN, S.COST, S.POLICY, S.APPROVAL, S.APPLY, S.ENDPOINT),
    RunKind.DESTROY: (S.PREFLIGHT, S.PLAN, S.COST, S.POLICY, S.APPROVAL, S.APPLY),
}


def sources_of(status: RunStatus) -> list[RunStatus]:
    """The states from which ``status`` may be entered."""
    return [source for source, targets in TRANSITIONS.items() if status in targets]


class StageStatus(models.TextChoices):
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    PASSED = "passed", "Passed"
    SKIPPED = "skipped", "Not needed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    INTERRUPTED = "interrupted", "Interrupted"


STAGE_TONES: dict[StageStatus, str] = {
    StageStatus.RUNNING: "busy",
    StageStatus.WAITING: "warn",
    StageStatus.PASSED: "ok",
    StageStatus.SKIPPED: "idle",
    StageStatus.FAILED: "bad",
    StageStatus.CANCELLED: "idle",
    StageStatus.INTERRUPTED: "warn",
}


class Level(models.TextChoices):
    DEBUG = "debug", "Debug"
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"
