"""The steps of rollouts, and rehearsals of rollbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from deployments.deployment.models import Deployment
from deployments.rollouts.verdicts import StepVerdict
from deployments.runs.statuses import GOING_BACK, GOOD, TERMINAL, RunStatus

if TYPE_CHECKING:
    from deployments.runs.models import Run


class RolloutStep(models.Model):
    """One step of a rollout: a share of the traffic on the new version, judged when the bake time has passed."""

    class Order(models.TextChoices):
        PROMOTE = "promote", "Promote"
        ROLL_BACK = "roll_back", "Roll back"

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="rollout_steps")
    attempt = models.PositiveIntegerField()
    index = models.PositiveSmallIntegerField()
    #: Traffic on the new version; 0 is a shadow step.
    percent = models.PositiveSmallIntegerField()
    #: Traffic in percent by served entity.
    expected = models.JSONField(default=dict)
    #: Traffic in percent by served entity, as last read back.
    live = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    #: When the routes were read back as ``expected``. The bake time starts here.
    moved_at = models.DateTimeField(null=True, blank=True)
    #: Time of the newest metrics that ``totals`` include.
    sampled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=12, choices=StepVerdict, default=StepVerdict.RUNNING)
    rule = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)
    #: As people see them (rollouts.judging.numbers). A shadow step also has "differing", a count.
    numbers = models.JSONField(default=dict, blank=True)
    #: Sums of both versions since the start of the bake time.
    totals = models.JSONField(default=dict, blank=True)

    order = models.CharField(max_length=10, choices=Order, blank=True)
    ordered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ordered_at = models.DateTimeField(null=True, blank=True)

    #: Since when traffic has to go back to the previous version.
    back_since = models.DateTimeField(null=True, blank=True)
    #: Status of the run once traffic is back.
    back_to = models.CharField(max_length=20, choices=RunStatus, blank=True)
    #: Attempts to move the traffic back.
    back_tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["run", "attempt", "index"]
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt", "index"], name="one_rollout_step_per_index"),
        ]

    def __str__(self) -> str:
        return f"step {self.index} of the rollout of run {self.run_id}"

    @classmethod
    def of(cls, run: Run) -> models.QuerySet[RolloutStep]:
        """The steps of the run's current attempt, in order."""
        return cls.objects.filter(run=run, attempt=run.attempt).select_related("ordered_by").order_by("index")

    def note(self, **values: Any) -> None:
        """Write only ``values``, because a person may give an order at the same time."""
        RolloutStep.objects.filter(pk=self.pk).update(**values)
        for name, value in values.items():
            setattr(self, name, value)


class Rehearsal(models.Model):
    """A rehearsed rollback: one run to an earlier version, and one run back to the current version."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="rehearsals")
    version = models.CharField(max_length=20)
    rollback_run = models.OneToOneField("deployments.Run", on_delete=models.CASCADE, related_name="rehearsal")
    return_run = models.OneToOneField("deployments.Run", on_delete=models.CASCADE, related_name="+")
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    #: When the earlier version passed its smoke test.
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at=None) | Q(answered_at__gte=models.F("started_at")),
                name="rehearsal_answers_after_its_start",
            )
        ]

    def __str__(self) -> str:
        return f"rehearsal of {self.deployment}"

    @classmethod
    def note_answer(cls, run: Run) -> None:
        """Keep when the earlier version answered its smoke test, if ``run`` rehearses a rollback."""
        if run.kind in GOING_BACK:
            cls.objects.filter(rollback_run=run.pk, answered_at=None).update(answered_at=timezone.now())

    @property
    def seconds(self) -> float | None:
        """Seconds from the request to the first answer of the earlier version; None before it."""
        return (self.answered_at - self.started_at).total_seconds() if self.answered_at else None

    @property
    def tone(self) -> str:
        """ok if both runs succeeded, bad if one did not, busy before that."""
        runs = (self.rollback_run, self.return_run)
        if any(run.status in TERMINAL and run.status not in GOOD for run in runs):
            return "bad"
        if any(run.status not in TERMINAL for run in runs):
            return "busy"
        return "ok" if self.answered_at else "unknown"
