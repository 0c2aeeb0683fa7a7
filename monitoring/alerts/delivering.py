"""Delivery of one message: a failed try is repeated with growing delays, and then given up."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from monitoring.alerts.models import Delivery
from monitoring.alerts.sending import send
from monitoring.alerts.states import AlertState, Severity

#: Seconds before the second, third … try.
BACKOFF_S = (10, 60, 300, 1800)
#: Longer than any try takes. After it, the worker that claimed the message counts as dead.
LEASE_S = 120
AT_ONCE = 500

Status = Delivery.Status


def due_deliveries() -> list[int]:
    rows = Delivery.objects.filter(status=Status.PENDING, next_at__lte=timezone.now()).order_by("next_at")
    return list(rows.values_list("pk", flat=True)[:AT_ONCE])


def deliver(delivery_id: int) -> None:
    """Make one try, unless another worker has claimed it. Safe to call from any number of workers."""
    now = timezone.now()
    waiting = Delivery.objects.filter(pk=delivery_id, status=Status.PENDING, next_at__lte=now)
    if not waiting.update(next_at=now + timedelta(seconds=LEASE_S), attempts=F("attempts") + 1):
        return
    rows = Delivery.objects.select_related("receiver", "event__alert__deployment__environment")
    delivery = rows.get(pk=delivery_id)
    title, body, severity = words(delivery)
    _note(delivery, send(delivery.receiver, title, body, severity))


def _note(delivery: Delivery, error: str) -> None:
    now = timezone.now()
    row = Delivery.objects.filter(pk=delivery.pk)
    if not error:
        row.update(status=Status.SENT, sent_at=now, error="")
    # A test is tried once: a person waits for its result.
    elif delivery.event is None or delivery.attempts > len(BACKOFF_S):
        row.update(status=Status.FAILED, error=error)
    else:
        row.update(error=error, next_at=now + timedelta(seconds=BACKOFF_S[delivery.attempts - 1]))


def words(delivery: Delivery) -> tuple[str, str, Severity | None]:
    """Title, text and severity. The severity is None if the alert is resolved."""
    event = delivery.event
    if event is None:
        return "Slipway: test message", f"Alerts for {delivery.receiver} arrive like this message.", Severity.INFO
    alert = event.alert
    about = f"{alert.get_subject_display()} of {alert.deployment} in {alert.deployment.environment}"
    if alert.key:
        about = f"{about} ({alert.key})"
    text = f"{event.message}\n{settings.PUBLIC_URL.rstrip('/')}{reverse('monitoring:alert', args=[alert.pk])}"
    if event.state == AlertState.RESOLVED:
        return f"[Resolved] {about}", text, None
    severity = Severity(alert.severity)
    return f"[{severity.label}] {about}", text, severity
