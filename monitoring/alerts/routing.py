"""Which receivers get an alert: the routes of its team by subject, environment and severity."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from monitoring.alerts.models import Alert, AlertEvent, AlertRoute, Delivery, Receiver
from monitoring.alerts.states import Severity

WORST_FIRST = list(Severity)


def receivers_for(alert: Alert) -> list[Receiver]:
    """Receivers of the alert's own team with a matching route, each once."""
    lowest = WORST_FIRST[WORST_FIRST.index(Severity(alert.severity)) :]
    routes = AlertRoute.objects.filter(
        Q(subject="") | Q(subject=alert.subject),
        Q(environment=None) | Q(environment=alert.deployment.environment_id),
        team=alert.deployment.team_id,
        min_severity__in=lowest,
    )
    here = Receiver.objects.filter(team=alert.deployment.team_id)
    return list(here.filter(pk__in=routes.values("receiver")).order_by("pk"))


def queue_deliveries(alert: Alert, event: AlertEvent) -> None:
    """Create the deliveries. Beat's next round sends them, so that the caller does not wait for a receiver."""
    now = timezone.now()
    rows = [Delivery(receiver=receiver, event=event, next_at=now) for receiver in receivers_for(alert)]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
