"""The steps of a rollout as they went, and rehearsals of a rollback."""

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
    """One step: ``percent`` of the traffic on the new version (0: a shadow step), judged when its bake time is over.

    ``moved_at``: the routes were read back as ``expected``; the bake time begins. ``sampled_at``: the newest metrics
    that are in ``totals``, the sums of both versions. ``numbers`` are what people see (rollouts.judging.numbers),
    of a shadow step with "differing", a count. ``expected`` and ``live`` are {served entity: percent of traffic}.
    ``back_since``: traffic has to go back, to end the run as ``back_to``; ``back_tries`` counts how often that was
    tried.
    """

    class Order(models.TextChoices):
        PROMOTE = "promote", "Promote"
        ROLL_BACK = "roll_back", "Roll back"

    run = models.ForeignKey("deployments.Run", on_delete=models.CASCADE, related_name="rollout_steps")
    attempt = models.PositiveIntegerField()
    index = models.PositiveSmallIntegerField()
    percent = models.PositiveSmallIntegerField()
    expected = models.JSONField(default=dict)
    live = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField()
    moved_at = models.DateTimeField(null=True, blank=True)
    sampled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(max_length=12, choices=StepVerdict, default=StepVerdict.RUNNING)
    rule = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)
    numbers = models.JSONField(default=dict, blank=True)
    totals = models.JSONField(default=dict, blank=True)

    order = models.CharField(max_length=10, choices=Order, blank=True)
    ordered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    ordered_at = models.DateTimeField(null=True, blank=True)

    back_since = models.DateTimeField(null=True, blank=True)
    back_to = models.CharField(max_length=20, choices=RunStatus, blank=True)
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
        """The steps of the run's present attempt, in order."""
        return cls.objects.filter(run=run, attempt=run.attempt).select_related("ordered_by").order_by("index")

    def note(self, **values: Any) -> None:
        """Write ``values`` and nothing else: a person may give an order at the same time."""
        RolloutStep.objects.filter(pk=self.pk).update(**values)
        for name, value in values.items():
            setattr(self, name, value)


class Rehearsal(models.Model):
    """A rollback that was tried out: to an earlier version, and back to the present one right after.

    ``answered_at``: the earlier version answered its smoke test.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="rehearsals")
    version = models.CharField(max_length=20)
    rollback_run = models.OneToOneField("deployments.Run", on_delete=models.CASCADE, related_name="rehearsal")
    return_run = models.OneToOneField("deployments.Run", on_delete=models.CASCADE, related_name="+")
    started_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
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
        """From the click to the answer of the earlier version."""
        return (self.answered_at - self.started_at).total_seconds() if self.answered_at else None

    @property
    def tone(self) -> str:
        """ok once both ways went well, bad when one did not, busy before."""
        runs = (self.rollback_run, self.return_run)
        if any(run.status in TERMINAL and run.status not in GOOD for run in runs):
            return "bad"
        if any(run.status not in TERMINAL for run in runs):
            return "busy"
        return "ok" if self.answered_at else "unknown"
