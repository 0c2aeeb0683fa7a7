"""Open, update and resolve alerts from reported standings, by the rule of the subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from deployments.models import Deployment
from monitoring.alerts.models import Alert, AlertEvent
from monitoring.alerts.routing import queue_deliveries
from monitoring.alerts.rules import Rule, rule_for
from monitoring.alerts.states import ALERT_OPEN, AlertState, AlertSubject, Severity
from monitoring.watched.states import Standing

STALE = "no data"


def report(
    deployment: Deployment,
    subject: str,
    standing: Standing,
    reason: str,
    evidence: Mapping[str, Any],
    *,
    key: str = "",
) -> Alert | None:
    """Report the standing of one subject of the deployment. Returns the alert that is open afterwards, if any.

    Call it at every check, not only at changes. ``subject`` is a value of AlertSubject, ``reason`` a sentence for
    people, ``evidence`` JSON with the numbers. ``key`` distinguishes several alerts of one subject. Passing resolves
    the alert. Unknown leaves it open, and opens a separate "no data" alert after ``stale_after_s`` of the rule.
    Safe to call from several workers at once: at most one alert is open per key.
    """
    rule = rule_for(deployment, AlertSubject(subject))
    if not rule.enabled or deployment.destroyed_at:
        why = "The deployment was destroyed." if rule.enabled else "The rule is off."
        _resolve(_open_one(deployment, rule, key), why)
        return None
    _report_silence(deployment, rule, key, standing, reason)
    alert = _open_one(deployment, rule, key)
    if standing == Standing.UNKNOWN:
        return alert
    if standing == Standing.PASSING:
        _calm(deployment, rule, key, alert, reason)
        return None
    if alert is None:
        if not rule.is_met_by(standing) or _was_settled(deployment, rule, key, standing):
            return None
        alert = _open(deployment, rule, key, standing, reason, evidence)
    return _go_on(alert, rule, standing, reason, evidence)


def _open_one(deployment: Deployment, rule: Rule, key: str) -> Alert | None:
    return Alert.objects.filter(deployment=deployment, subject=rule.subject, key=key, state__in=ALERT_OPEN).first()


def _open(
    deployment: Deployment, rule: Rule, key: str, standing: Standing, reason: str, evidence: Mapping[str, Any]
) -> Alert:
    """Open a pending alert, or return the one that another worker has just opened."""
    now = timezone.now()
    new = Alert(
        deployment=deployment,
        subject=rule.subject,
        key=key,
        severity=rule.severity,
        standing=standing,
        reason=reason,
        evidence=dict(evidence),
        opened_at=now,
        reported_at=now,
    )
    try:
        with transaction.atomic():
            new.save(force_insert=True)
    except IntegrityError:
        return Alert.objects.filter(deployment=deployment, subject=rule.subject, key=key).latest("pk")
    return new


def _go_on(alert: Alert, rule: Rule, standing: Standing, reason: str, evidence: Mapping[str, Any]) -> Alert:
    """Store the report. Fire once it has lasted ``for_s``, and again after a snooze or if it got worse."""
    now = timezone.now()
    got_worse = alert.standing == Standing.AT_RISK and standing == Standing.FAILING
    values = {"standing": standing, "reason": reason, "evidence": dict(evidence), "reported_at": now}
    Alert.objects.filter(pk=alert.pk).exclude(state=AlertState.RESOLVED).update(**values)
    for name, value in values.items():
        setattr(alert, name, value)
    if alert.state == AlertState.PENDING:
        if not rule.is_met_by(standing):
            _resolve(alert, reason)
        elif now >= alert.opened_at + timedelta(seconds=rule.for_s):
            fire(alert, reason)
    elif alert.state == AlertState.SNOOZED and alert.snoozed_until and alert.snoozed_until <= now:
        fire(alert, f"The snooze ended and the problem persists: {reason}")
    elif alert.state == AlertState.ACKNOWLEDGED and got_worse:
        fire(alert, f"It got worse: {reason}")
    return alert


def fire(alert: Alert, message: str) -> bool:
    """Fire the alert and notify its receivers. False if another worker did."""
    with transaction.atomic():
        event = alert.transition(AlertState.FIRING, message)
        if event is not None:
            queue_deliveries(alert, event)
    return event is not None


def _resolve(alert: Alert | None, message: str) -> None:
    """Resolve the alert. Receivers are notified only if they were notified that it fired."""
    if alert is None:
        return
    told = alert.fired_at is not None
    with transaction.atomic():
        event = alert.transition(AlertState.RESOLVED, message)
        if event is not None and told:
            queue_deliveries(alert, event)


def _calm(deployment: Deployment, rule: Rule, key: str, alert: Alert | None, reason: str) -> None:
    _resolve(alert, reason)
    settled = Alert.objects.filter(deployment=deployment, subject=rule.subject, key=key, state=AlertState.RESOLVED)
    settled.filter(calm_at=None).update(calm_at=timezone.now())


def _was_settled(deployment: Deployment, rule: Rule, key: str, standing: Standing) -> bool:
    """Whether a person has resolved this alert, and the subject was neither passing nor worse since."""
    rows = Alert.objects.filter(deployment=deployment, subject=rule.subject, key=key, state=AlertState.RESOLVED)
    last = rows.order_by("-pk").first()
    if last is None or last.handled_by_id is None or last.calm_at is not None:
        return False
    return not (last.standing == Standing.AT_RISK and standing == Standing.FAILING)


def _report_silence(deployment: Deployment, rule: Rule, key: str, standing: Standing, reason: str) -> None:
    """Open, fire or resolve the "no data" alert. It has a key of its own and is resolved by any data."""
    name = f"{STALE} {key}".strip()
    silence = _open_one(deployment, rule, name)
    if standing != Standing.UNKNOWN:
        _resolve(silence, "There is data again.")
        return
    if rule.stale_after_s is None:
        return
    if silence is None:
        silence = _open(deployment, replace(rule, severity=Severity.WARNING), name, standing, reason, {})
    if silence.state == AlertState.PENDING and timezone.now() >= silence.opened_at + timedelta(
        seconds=rule.stale_after_s
    ):
        fire(silence, f"No data for {rule.stale_after_s // 60} minutes: {reason}")


def withdraw(deployment: Deployment, subject: str, reason: str) -> None:
    """Resolve the open alerts of a subject that is no longer monitored."""
    rows = Alert.objects.filter(deployment=deployment, subject=subject, state__in=ALERT_OPEN)
    for alert in rows.select_related("deployment"):
        _resolve(alert, reason)


def settle(
    alert: Alert, to: AlertState, message: str, *, actor: User, until: datetime | None = None
) -> AlertEvent | None:
    """Apply a person's action. Receivers are notified of a resolution. None if it is not allowed any more."""
    with transaction.atomic():
        event = alert.transition(to, message, actor=actor, until=until)
        if event is not None and to == AlertState.RESOLVED:
            queue_deliveries(alert, event)
    return event


def look_again() -> None:
    """Fire alerts whose snooze has ended, and pending alerts of runs, which are reported only once."""
    over = Alert.objects.filter(state=AlertState.SNOOZED, snoozed_until__lte=timezone.now())
    for alert in over.select_related("deployment"):
        fire(alert, f"The snooze ended: {alert.reason}")
    waiting = Alert.objects.filter(state=AlertState.PENDING, subject=AlertSubject.RUN)
    for alert in waiting.select_related("deployment"):
        rule = rule_for(alert.deployment, AlertSubject.RUN)
        _go_on(alert, rule, Standing(alert.standing), alert.reason, alert.evidence)
