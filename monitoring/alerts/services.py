"""Actions of people on alerts and alert rules."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.permissions import require
from deployments.models import Deployment
from monitoring.alerts.models import Alert, AlertRule
from monitoring.alerts.reporting import settle
from monitoring.alerts.rules import Rule
from monitoring.alerts.states import AlertState
from web.errors import Invalid, Refused

MAX_SNOOZE = timedelta(days=30)


def acknowledge_alert(*, alert: Alert, actor: User) -> Alert:
    """Receivers are not notified again unless it gets worse. Raises Refused."""
    return _act(alert, AlertState.ACKNOWLEDGED, f"{actor.display_name} acknowledged it.", actor)


def snooze_alert(*, alert: Alert, until: datetime, actor: User) -> Alert:
    """If the problem persists at ``until``, receivers are notified again. Raises Invalid or Refused."""
    now = timezone.now()
    if not now < until <= now + MAX_SNOOZE:
        raise Invalid({"until": [f"Choose a time within the next {MAX_SNOOZE.days} days."]})
    return _act(alert, AlertState.SNOOZED, f"{actor.display_name} snoozed it.", actor, until)


def resolve_alert(*, alert: Alert, actor: User) -> Alert:
    """The alert opens again only after the subject was passing, or if it gets worse. Raises Refused."""
    return _act(alert, AlertState.RESOLVED, f"{actor.display_name} resolved it.", actor)


def _act(alert: Alert, to: AlertState, message: str, actor: User, until: datetime | None = None) -> Alert:
    require(actor, Action.DEPLOY, alert.deployment)
    if settle(alert, to, message, actor=actor, until=until) is None:
        alert.refresh_from_db()
        raise Refused("not_possible", f"This alert is already {alert.get_state_display().lower()}.")
    return alert


def set_alert_rule(*, deployment: Deployment, rule: Rule, actor: User) -> AlertRule:
    """Set when the subject of ``rule`` opens an alert of the deployment. Raises Invalid."""
    require(actor, Action.DEPLOY, deployment)
    with transaction.atomic():
        # If two people set it at once, the later write wins and neither gets an error.
        Deployment.objects.select_for_update().get(pk=deployment.pk)
        row = AlertRule.objects.filter(deployment=deployment, subject=rule.subject).first()
        row = row or AlertRule(deployment=deployment, subject=rule.subject)
        for name in ("enabled", "from_standing", "severity", "for_s", "stale_after_s"):
            setattr(row, name, getattr(rule, name))
        try:
            row.full_clean()
        except ValidationError as error:
            raise Invalid(error.message_dict) from None
        row.save()
    return row
