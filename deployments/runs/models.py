"""A run: one attempt to make the endpoint match a spec. Only ``Run.transition`` writes its status."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Team, User
from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec, parse_spec
from deployments.runs.events import Event
from deployments.runs.records import StageRecord
from deployments.runs.statuses import (
    ACTIVE,
    STAGES,
    TERMINAL,
    TONES,
    UNFINISHED,
    WORKABLE,
    Level,
    RunKind,
    RunStatus,
    StageStatus,
    sources_of,
)
from web.formats import storable

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class IllegalTransition(Exception):
    """The run's status does not allow this step, for example because another worker or person was first."""


class LeaseLost(Exception):
    """This worker no longer holds the run: its lease expired, and another worker took over."""


@dataclass(frozen=True)
class Lease:
    """The right to work on a run."""

    run_id: int
    token: uuid.UUID
    claim: int
    #: The previous lease expired, so a stage may be half done.
    recovered: bool


@dataclass(frozen=True)
class Line:
    """A log line that has no number yet."""

    stage: str
    message: str
    level: Level = Level.INFO
    source: str = "slipway"


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User | AnonymousUser) -> RunQuerySet:
        """Runs of the teams that ``user`` belongs to. Platform admins see all."""
        if isinstance(user, User) and user.is_platform_admin:
            return self
        return self.filter(deployment__team__in=Team.objects.visible_to(user))

    def without_lease(self) -> RunQuerySet:
        """Runs without a valid lease: no live worker holds them."""
        return self.filter(Q(lease_token=None) | Q(lease_expires_at__lt=Now()))

    def due(self) -> RunQuerySet:
        """Runs that a worker can take now.

        Includes runs in Approval with a pending cancellation: the worker still held the run when it was requested.
        """
        workable = Q(status__in=WORKABLE) | Q(status=RunStatus.APPROVAL, cancel_requested_at__isnull=False)
        return self.filter(workable).without_lease().filter(Q(wake_at=None) | Q(wake_at__lte=Now()))


class Run(models.Model):
    """One attempt to make a deployment's endpoint match ``spec``."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=10, choices=RunKind)
    status = models.CharField(max_length=20, choices=RunStatus, default=RunStatus.QUEUED)
    #: Pinned: ``version`` is a number, never an alias.
    spec = models.JSONField()
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="runs_requested")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: Why the run ended.
    message = models.TextField(blank=True)
    #: The run whose leftovers this run removes.
    cleans_up = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="cleaned_up_by"
    )
    event_count = models.PositiveIntegerField(default=0)

    #: Set while a worker holds the run.
    lease_token = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    #: Number of leases so far.
    claim = models.PositiveIntegerField(default=0)
    worker = models.CharField(max_length=255, blank=True)
    #: The run waits until this time. No worker holds it meanwhile.
    wake_at = models.DateTimeField(null=True, blank=True)
    waiting_for = models.TextField(blank=True)
    stage_started_at = models.DateTimeField(null=True, blank=True)
    #: How often a worker took the run in its current stage.
    stage_tries = models.PositiveIntegerField(default=0)
    #: Temporary faults of the current stage in a row.
    stage_failures = models.PositiveIntegerField(default=0)
    #: How often the run has planned.
    attempt = models.PositiveIntegerField(default=0)
    #: Set once per plan, before Terraform starts to apply it, so that no plan is applied twice.
    apply_started_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment"], condition=Q(status__in=ACTIVE), name="one_active_run_per_deployment"
            )
        ]
        indexes = [
            models.Index(fields=["status", "wake_at"]),
            models.Index(fields=["deployment", "-id"]),
        ]

    def __str__(self) -> str:
        return f"run {self.pk}"

    # -- reading --------------------------------------------------------------------------------
    @property
    def tone(self) -> str:
        return TONES[RunStatus(self.status)]

    @property
    def is_finished(self) -> bool:
        return self.status in TERMINAL

    @property
    def can_be_cancelled(self) -> bool:
        return self.status in UNFINISHED and self.cancel_requested_at is None

    @property
    def stage_order(self) -> tuple[RunStatus, ...]:
        return STAGES[RunKind(self.kind)]

    @property
    def left_behind(self) -> list[str]:
        """What the stages created in the workspace, without duplicates. No query if ``stages`` are prefetched."""
        return list(dict.fromkeys(name for record in self.stages.all() for name in record.created))

    def parsed_spec(self) -> DeploymentSpec:
        return parse_spec(self.spec)

    @property
    def estimate(self) -> dict[str, Any] | None:
        """The newest ``Quote.as_json`` of the Cost stage, None before it. No query if ``stages`` are prefetched."""
        priced = [record for record in self.stages.all() if record.stage == RunStatus.COST]
        return priced[-1].detail.get("estimate") if priced else None

    def blocking_run(self) -> Run | None:
        """The run of the same deployment that this queued run waits for, or None."""
        if self.status != RunStatus.QUEUED:
            return None
        ahead = Run.objects.filter(deployment=self.deployment_id)
        active = ahead.filter(status__in=ACTIVE).first()
        return active or ahead.filter(status=RunStatus.QUEUED, pk__lt=self.pk).order_by("pk").first()

    # -- the log --------------------------------------------------------------------------------
    def log(self, lines: Iterable[Line]) -> None:
        """Append ``lines`` with the next numbers. Safe for concurrent writers: no duplicate numbers, no gaps."""
        batch = list(lines)
        if not batch:
            return
        now = timezone.now()
        with transaction.atomic():
            Run.objects.filter(pk=self.pk).update(event_count=F("event_count") + len(batch))
            last = Run.objects.values_list("event_count", flat=True).get(pk=self.pk)
            Event.objects.bulk_create(
                Event(
                    run_id=self.pk,
                    number=number,
                    created_at=now,
                    stage=line.stage,
                    level=line.level,
                    source=line.source,
                    message=storable(line.message),
                )
                for number, line in enumerate(batch, start=last - len(batch) + 1)
            )

    # -- the lease ------------------------------------------------------------------------------
    @classmethod
    def claim_lease(cls, run_id: int, worker: str) -> Lease | None:
        """Take the run for this worker. None if the run is held, waits, or needs no work."""
        before = cls.objects.filter(pk=run_id).values_list("lease_token", flat=True).first()
        token = uuid.uuid4()
        won = (
            cls.objects.filter(pk=run_id, lease_token=before)
            .due()
            .update(
                lease_token=token,
                lease_expires_at=_seconds_from_now(settings.LEASE_S),
                claim=F("claim") + 1,
                stage_tries=F("stage_tries") + 1,
                worker=worker,
                wake_at=None,
            )
        )
        if not won:
            return None
        claim = cls.objects.values_list("claim", flat=True).get(pk=run_id)
        return Lease(run_id, token, claim, recovered=before is not None)

    @classmethod
    def renew_lease(cls, lease: Lease) -> bool:
        held = cls.objects.filter(pk=lease.run_id, lease_token=lease.token)
        return bool(held.update(lease_expires_at=_seconds_from_now(settings.LEASE_S)))

    @classmethod
    def release_lease(cls, lease: Lease, *, wake_in_s: float | None = None, waiting_for: str = "") -> None:
        wake_at = None if wake_in_s is None else _seconds_from_now(wake_in_s)
        cls.objects.filter(pk=lease.run_id, lease_token=lease.token).update(
            lease_token=None, lease_expires_at=None, wake_at=wake_at, waiting_for=waiting_for
        )

    # -- the one writer of status ---------------------------------------------------------------
    def transition(self, to: RunStatus, message: str, *, lease: Lease | None = None, level: Level = Level.INFO) -> None:
        """Set the status to ``to``, log ``message``, and close and open stage records, in one transaction.

        A worker passes its lease. Without a lease, no live worker may hold the run. Raises IllegalTransition if the
        current status does not allow ``to``, and LeaseLost if the lease is no longer valid.
        """
        now, message = timezone.now(), storable(message)
        stage = self.status if to in TERMINAL else to
        values: dict[str, object] = {
            "status": to,
            "waiting_for": "",
            "wake_at": None,
            "stage_started_at": now,
            "stage_tries": 0,
            "stage_failures": 0,
        }
        if to in TERMINAL:
            values |= {"finished_at": now, "message": message, "lease_token": None, "lease_expires_at": None}
        elif to == RunStatus.QUEUED:
            values |= {"finished_at": None, "message": ""}
        elif to == RunStatus.PREFLIGHT:
            values |= {"started_at": self.started_at or now}
        with transaction.atomic():
            rows = Run.objects.filter(pk=self.pk, status__in=sources_of(to))
            rows = rows.filter(lease_token=lease.token) if lease else rows.without_lease()
            if not rows.update(**values):
                self._explain_refusal(to, lease)
            StageRecord.close(self.pk, _verdict(to), message, now)
            if to in ACTIVE:
                StageRecord.open(self.pk, to, now)
            self.log([Line(stage=stage, message=message, level=level)])
        self.refresh_from_db()

    def _explain_refusal(self, to: RunStatus, lease: Lease | None) -> None:
        if lease and not Run.objects.filter(pk=self.pk, lease_token=lease.token).exists():
            raise LeaseLost(f"run {self.pk} was taken over by another worker")
        raise IllegalTransition(f"run {self.pk} cannot become {to}")


def _seconds_from_now(seconds: float) -> CombinedExpression:
    """A time on the database's clock, which all workers share. The clocks of workers may differ."""
    return Now() + timedelta(seconds=seconds)


def _verdict(to: RunStatus) -> StageStatus:
    """The status of the stage that the run leaves when it enters ``to``."""
    return {
        RunStatus.FAILED: StageStatus.FAILED,
        RunStatus.ROLLED_BACK: StageStatus.FAILED,
        RunStatus.ROLLBACK_FAILED: StageStatus.FAILED,
        RunStatus.REJECTED: StageStatus.FAILED,
        RunStatus.EXPIRED: StageStatus.FAILED,
        RunStatus.CANCELLED: StageStatus.CANCELLED,
        RunStatus.INTERRUPTED: StageStatus.INTERRUPTED,
    }.get(to, StageStatus.PASSED)
