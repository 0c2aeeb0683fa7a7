"""What is known of a deployment becomes an alert, goes on, or ends: by its rule, and once."""

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
    """Say how one subject of the deployment is now; the alert that is open for it after that, if any.

    Call it at every look, not only at changes. ``subject`` is a value of AlertSubject, ``reason`` a sentence for
    people, ``evidence`` JSON with the numbers. ``key`` tells apart several things of one subject. Passing resolves;
    unknown neither opens nor resolves, but is an alert of its own once it lasts as long as the rule says.
    May be called by several workers at once: there is one alert per key.
    """
    rule = rule_for(deployment, AlertSubject(subject))
    if not rule.enabled or deployment.destroyed_at:
        _resolve(_open_one(deployment, rule, key), "The rule is off." if not rule.enabled else "It was destroyed.")
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
    """A pending alert, or the one that another worker has opened meanwhile."""
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
    """Keep what was reported; fire when it has lasted long enough, and again when a snooze is over or it got worse."""
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
        fire(alert, f"The snooze is over, and it lasts: {reason}")
    elif alert.state == AlertState.ACKNOWLEDGED and got_worse:
        fire(alert, f"It got worse: {reason}")
    return alert


def fire(alert: Alert, message: str) -> bool:
    """Tell the receivers; False if another worker did."""
    with transaction.atomic():
        event = alert.transition(AlertState.FIRING, message)
        if event is not None:
            queue_deliveries(alert, event)
    return event is not None


def _resolve(alert: Alert | None, message: str) -> None:
    """Receivers hear of the end of what they were told of."""
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
    """Whether a person has resolved this very thing, and it was neither passing nor worse since."""
    rows = Alert.objects.filter(deployment=deployment, subject=rule.subject, key=key, state=AlertState.RESOLVED)
    last = rows.order_by("-pk").first()
    if last is None or last.handled_by_id is None or last.calm_at is not None:
        return False
    return not (last.standing == Standing.AT_RISK and standing == Standing.FAILING)


def _report_silence(deployment: Deployment, rule: Rule, key: str, standing: Standing, reason: str) -> None:
    """The alert that nothing is known: it has a key of its own, and ends with any answer."""
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
        fire(silence, f"Not known for {rule.stale_after_s // 60} minutes: {reason}")


def withdraw(deployment: Deployment, subject: str, reason: str) -> None:
    """Nobody asks about the subject any more: its open alerts end."""
    rows = Alert.objects.filter(deployment=deployment, subject=subject, state__in=ALERT_OPEN)
    for alert in rows.select_related("deployment"):
        _resolve(alert, reason)


def settle(
    alert: Alert, to: AlertState, message: str, *, actor: User, until: datetime | None = None
) -> AlertEvent | None:
    """What a person makes of it; receivers hear when it is over. None if it cannot be, or somebody was first."""
    with transaction.atomic():
        event = alert.transition(to, message, actor=actor, until=until)
        if event is not None and to == AlertState.RESOLVED:
            queue_deliveries(alert, event)
    return event


def look_again() -> None:
    """What time brings about where nobody reports: the end of a snooze, and of the wait of what is said only once."""
    over = Alert.objects.filter(state=AlertState.SNOOZED, snoozed_until__lte=timezone.now())
    for alert in over.select_related("deployment"):
        fire(alert, f"The snooze is over: {alert.reason}")
    waiting = Alert.objects.filter(state=AlertState.PENDING, subject=AlertSubject.RUN)
    for alert in waiting.select_related("deployment"):
        rule = rule_for(alert.deployment, AlertSubject.RUN)
        _go_on(alert, rule, Standing(alert.standing), alert.reason, alert.evidence)
