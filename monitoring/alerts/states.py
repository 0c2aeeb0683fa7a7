"""Severities, subjects and states of alerts, and the transitions between states."""

from __future__ import annotations

from django.db import models


class Severity(models.TextChoices):
    """From worst to best."""

    CRITICAL = "critical", "Critical"
    WARNING = "warning", "Warning"
    INFO = "info", "Info"


SEVERITY_TONES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "info"}


class AlertSubject(models.TextChoices):
    """What an alert may be about."""

    HEALTH = "health", "Health"
    DRIFT = "drift", "Drift"
    QUALITY = "quality", "Quality"
    COST = "cost", "Cost"
    CONFIG = "config", "Configuration"
    RUN = "run", "Run"


class AlertState(models.TextChoices):
    """A pending alert has not lasted as long as its rule requires. Receivers are not notified yet."""

    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    SNOOZED = "snoozed", "Snoozed"
    RESOLVED = "resolved", "Resolved"


A = AlertState

ALERT_TONES = {A.PENDING: "idle", A.FIRING: "bad", A.ACKNOWLEDGED: "info", A.SNOOZED: "idle", A.RESOLVED: "ok"}

#: Alerts that receivers were notified of and that are not resolved.
ALERT_ONGOING = (A.FIRING, A.ACKNOWLEDGED, A.SNOOZED)

ALERT_OPEN = (A.PENDING, *ALERT_ONGOING)

ALERT_TRANSITIONS: dict[AlertState, frozenset[AlertState]] = {
    A.PENDING: frozenset({A.FIRING, A.RESOLVED}),
    A.FIRING: frozenset({A.ACKNOWLEDGED, A.SNOOZED, A.RESOLVED}),
    A.ACKNOWLEDGED: frozenset({A.FIRING, A.SNOOZED, A.RESOLVED}),
    A.SNOOZED: frozenset({A.FIRING, A.ACKNOWLEDGED, A.SNOOZED, A.RESOLVED}),
    A.RESOLVED: frozenset(),
}
