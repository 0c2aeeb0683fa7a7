"""Alerts and their history, the rules that open them, and the receivers they are sent to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from auditlog.models import LogEntry
from django.core.validators import MaxValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import OfTeamQuerySet, Team, User
from catalog.models import Environment
from deployments.models import Deployment, Run
from monitoring.alerts.states import (
    ALERT_ONGOING,
    ALERT_OPEN,
    ALERT_TONES,
    ALERT_TRANSITIONS,
    SEVERITY_TONES,
    AlertState,
    AlertSubject,
    Severity,
)
from monitoring.watched.states import Standing

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

DAY_S = 86_400


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: User | AnonymousUser) -> AlertQuerySet:
        """Alerts of the user's teams, or all for a platform admin. Alerts that never fired are left out."""
        told = self.exclude(fired_at=None)
        if isinstance(user, User) and user.is_platform_admin:
            return told
        return told.filter(deployment__team__in=Team.objects.visible_to(user))

    def ongoing(self) -> AlertQuerySet:
        return self.filter(state__in=ALERT_ONGOING)


class Alert(models.Model):
    """One problem of one deployment, from the first report until it is resolved.

    Only ``transition`` writes ``state``.
    """

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="alerts")
    subject = models.CharField(max_length=10, choices=AlertSubject)
    #: Distinguishes several alerts of one subject, for example the name of a feature.
    key = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=AlertState, default=AlertState.PENDING)
    severity = models.CharField(max_length=10, choices=Severity)
    #: From the newest report, as are ``reason`` and ``evidence``.
    standing = models.CharField(max_length=10, choices=Standing)
    reason = models.TextField()
    evidence = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField()
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    #: When the subject was first passing after a person had resolved the alert.
    calm_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "subject", "key"], condition=~Q(state="resolved"), name="one_open_alert_per_key"
            )
        ]
        indexes = [models.Index(fields=["state", "snoozed_until"]), models.Index(fields=["deployment", "subject"])]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} of {self.deployment}"

    @property
    def tone(self) -> str:
        return ALERT_TONES[AlertState(self.state)]

    @property
    def severity_tone(self) -> str:
        return SEVERITY_TONES[Severity(self.severity)]

    @property
    def is_open(self) -> bool:
        return self.state in ALERT_OPEN

    def transition(
        self, to: AlertState, message: str, *, actor: User | None = None, until: datetime | None = None
    ) -> AlertEvent | None:
        """Move the alert to ``to`` and record an event. None if not allowed, or if another worker was first."""
        before = AlertState(self.state)
        if to not in ALERT_TRANSITIONS[before]:
            return None
        now = timezone.now()
        values: dict[str, Any] = {"state": to, "snoozed_until": until, "handled_by": actor}
        if to == AlertState.FIRING and self.fired_at is None:
            values["fired_at"] = now
        if to == AlertState.RESOLVED:
            values["resolved_at"] = now
        with transaction.atomic():
            if not Alert.objects.filter(pk=self.pk, state=before).update(**values):
                return None
            event = self.note(to, message, actor)
            if actor is not None:
                # By hand: auditlog does not see a conditional UPDATE.
                LogEntry.objects.log_create(
                    self, force_log=True, action=LogEntry.Action.UPDATE, changes={"state": [before, to]}, actor=actor
                )
        for name, value in values.items():
            setattr(self, name, value)
        return event

    def note(self, state: AlertState, message: str, actor: User | None = None) -> AlertEvent:
        return AlertEvent.objects.create(alert=self, state=state, message=message, actor=actor)


class AlertEvent(models.Model):
    """A line of an alert's history."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(auto_now_add=True)
    #: The state after the event.
    state = models.CharField(max_length=12, choices=AlertState)
    message = models.TextField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.message


class AlertRule(models.Model):
    """When a subject of a deployment opens an alert. Without a row, ``monitoring.alerts.rules.DEFAULTS`` applies."""

    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, related_name="alert_rules")
    subject = models.CharField(max_length=10, choices=AlertSubject)
    enabled = models.BooleanField(default=True)
    from_standing = models.CharField(
        max_length=10, choices=[(value.value, value.label) for value in (Standing.AT_RISK, Standing.FAILING)]
    )
    severity = models.CharField(max_length=10, choices=Severity)
    #: How long the problem must last before receivers are notified, in seconds.
    for_s = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(7 * DAY_S)])
    #: Seconds without data after which that is an alert of its own; null for never.
    stale_after_s = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(30 * DAY_S)])

    class Meta:
        ordering = ["deployment", "subject"]
        constraints = [models.UniqueConstraint(fields=["deployment", "subject"], name="one_alert_rule_per_subject")]

    def __str__(self) -> str:
        return f"{self.get_subject_display()} of {self.deployment}"


class SeenRun(models.Model):
    """An end of a run that was already reported to alerts. A resumed run may end again, at another time."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    finished_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "finished_at"], name="each_end_of_a_run_is_heard_once")]

    def __str__(self) -> str:
        return f"end of run {self.run_id}"


class ReceiverKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    PAGERDUTY = "pagerduty", "PagerDuty"
    WEBHOOK = "webhook", "Webhook (JSON)"


class Receiver(models.Model):
    """Where alerts of a team are sent."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="receivers")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=ReceiverKind)
    #: An apprise URL, encrypted. It holds a secret and is never shown.
    address = models.BinaryField()
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OfTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team__slug", "name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="one_receiver_per_name")]

    def __str__(self) -> str:
        return self.name


class AlertRoute(models.Model):
    """Which alerts of the team go to a receiver. Without a subject or an environment, alerts about all of them."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="alert_routes")
    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="routes")
    subject = models.CharField(max_length=10, choices=AlertSubject, blank=True)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    min_severity = models.CharField(max_length=10, choices=Severity, default=Severity.WARNING)

    objects = OfTeamQuerySet.as_manager()

    class Meta:
        ordering = ["team__slug", "receiver__name", "pk"]

    def __str__(self) -> str:
        return f"{self.subject or 'everything'} to {self.receiver}"


class Delivery(models.Model):
    """One message to one receiver, kept as its history."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"

    receiver = models.ForeignKey(Receiver, on_delete=models.CASCADE, related_name="deliveries")
    #: None for a test message.
    event = models.ForeignKey(AlertEvent, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    #: When the next try is due. A worker that claims the message moves it on, so that no other worker takes it.
    next_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["event", "receiver"], name="one_delivery_per_event")]
        indexes = [models.Index(fields=["status", "next_at"])]

    def __str__(self) -> str:
        return f"delivery {self.pk} to {self.receiver}"

    @property
    def tone(self) -> str:
        return {"pending": "busy", "sent": "ok", "failed": "bad"}[self.status]
