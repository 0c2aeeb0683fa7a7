"""The statuses of a run as data: labels, tones, transitions and stages."""

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


class Level(models.TextChoices):
    DEBUG = "debug", "Debug"
    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    ERROR = "error", "Error"


S = RunStatus

# A deployment has at most one run in one of these statuses (see the constraint on Run).
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

# A worker may take a run in one of these statuses. In APPROVAL the run waits for a person.
WORKABLE = tuple(status for status in UNFINISHED if status != S.APPROVAL)

RESUMABLE = (S.INTERRUPTED, S.FAILED)

# The run may have left unwanted resources in the workspace.
CLEANABLE = (S.INTERRUPTED, S.FAILED, S.CANCELLED)

# The endpoint matches the run's spec.
GOOD = (S.SUCCEEDED, S.NO_CHANGE)

# Something may be wrong in the workspace, so people are alerted.
ALARMING = (S.FAILED, S.ROLLED_BACK, S.ROLLBACK_FAILED, S.INTERRUPTED)

# Traffic could not be taken back: it may still go to the version that was found wanting.
STRANDED = (S.ROLLBACK_FAILED,)

# Runs that go back to an earlier version.
GOING_BACK = (RunKind.ROLLBACK,)

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

# How the log tells the end of a run; every other end is information.
END_LEVELS: dict[RunStatus, Level] = {
    S.FAILED: Level.ERROR,
    S.ROLLED_BACK: Level.WARNING,
    S.ROLLBACK_FAILED: Level.ERROR,
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

STAGE_NAMES: dict[RunStatus, str] = {
    S.PREFLIGHT: "Preflight",
    S.PLAN: "Plan",
    S.COST: "Cost",
    S.POLICY: "Policy",
    S.APPROVAL: "Approval",
    S.APPLY: "Apply",
    S.ENDPOINT: "Endpoint",
    S.SMOKE: "Smoke test",
    S.ROLLOUT: "Rollout",
}


def sources_of(status: RunStatus) -> list[RunStatus]:
    """The statuses from which a run may enter ``status``."""
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
