"""Judges the health of an endpoint from its metrics of the last hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from deployments.deployment.specs import parse_spec
from deployments.models import Deployment
from integrations.metrics import Window
from monitoring.health.models import COARSE, FINE, HealthBucket, HealthSource
from monitoring.watched import watch
from monitoring.watched.states import Standing

LOOK_BACK = timedelta(hours=1)
STALE_AFTER = timedelta(minutes=10)
FAILING_5XX = 0.05
WEEK_DAYS = 7


@dataclass(frozen=True)
class HealthRules:
    """The limits of the deployment's rollout, which also apply to its health."""

    #: Share of requests with a 4xx or 5xx status, from 0 to 1.
    max_error_rate: float = 0.01
    max_p99_ms: int | None = None

    @classmethod
    def of(cls, deployment: Deployment) -> HealthRules:
        rollout = parse_spec(deployment.spec).rollout
        return cls(rollout.max_error_rate, rollout.max_p99_ms)

    def sentence(self) -> str:
        slow = f", or the p99 is above {self.max_p99_ms} ms" if self.max_p99_ms else ""
        return (
            f"Judged on the last hour. Failing: the endpoint is not ready, or {FAILING_5XX:.0%} or more of its "
            f"requests end in a 5xx. At risk: more than {self.max_error_rate:.1%} of them end in a 4xx or 5xx{slow}. "
            f"Unknown: no requests, or its metrics are older than {STALE_AFTER.seconds // 60} minutes."
        )


@dataclass(frozen=True)
class Health:
    standing: Standing
    reason: str


def judge(
    deployment: Deployment, source: HealthSource | None, window: Window, rules: HealthRules, now: datetime
) -> Health:
    """``window`` is the sum over all versions in the last hour."""
    if unknown := _unread(source, now):
        return Health(Standing.UNKNOWN, unknown)
    if deployment.ready != "READY":
        return Health(Standing.FAILING, "The endpoint is not ready.")
    if not window.requests:
        last = source.last_request_at if source else None
        when = f"The last one was at {last:%Y-%m-%d %H:%M} UTC." if last else "None since monitoring began."
        return Health(Standing.UNKNOWN, f"No requests in the last hour. {when}")
    return _judge_answers(window, rules)


def _unread(source: HealthSource | None, now: datetime) -> str:
    """Why there are no current metrics; "" if there are."""
    if source is None or source.minute is None:
        why = f" {source.error}" if source and source.error else ""
        return f"Metrics were never read.{why}"
    age = now - source.minute
    if age <= STALE_AFTER:
        return ""
    minutes = int(age.total_seconds() // 60)
    ago = f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
    return f"Metrics were last read {ago} ago. {source.error}".strip()


def _judge_answers(window: Window, rules: HealthRules) -> Health:
    failed, wrong = window.errors_5xx / window.requests, window.errors / window.requests
    p99 = window.p99_ms
    requests = "request" if round(window.requests) == 1 else "requests"
    told = f"{window.requests:,.0f} {requests} in the last hour: {wrong:.1%} errors ({failed:.1%} 5xx)"
    told = f"{told}; p99 {p99:,.0f} ms." if p99 is not None else f"{told}."
    if failed >= FAILING_5XX:
        return Health(Standing.FAILING, told)
    slow = rules.max_p99_ms is not None and p99 is not None and p99 > rules.max_p99_ms
    return Health(Standing.AT_RISK if slow or wrong > rules.max_error_rate else Standing.PASSING, told)


def recent_window(deployment: Deployment, now: datetime) -> Window:
    rows = HealthBucket.objects.filter(deployment=deployment, width=FINE, start__gt=now - LOOK_BACK - FINE)
    return sum((row.window for row in rows), Window())


def judge_now(deployment: Deployment) -> Health:
    """Judge the deployment and store the standing and the requests of the last day and week for the fleet."""
    now = timezone.now()
    source = HealthSource.objects.filter(deployment=deployment).first()
    window = recent_window(deployment, now)
    found = judge(deployment, source, window, HealthRules.of(deployment), now)
    day = HealthBucket.objects.filter(deployment=deployment, width=COARSE, start__gt=now - timedelta(hours=24))
    totals = day.aggregate(requests=Sum("requests"), errors_4xx=Sum("errors_4xx"), errors_5xx=Sum("errors_5xx"))
    watch.note(
        deployment.pk,
        health=found.standing,
        health_reason=found.reason,
        requests_24h=totals["requests"],
        errors_24h=None if totals["requests"] is None else totals["errors_4xx"] + totals["errors_5xx"],
        p99_ms=window.p99_ms,
        last_request_at=source.last_request_at if source else None,
        week=week_of(deployment, now),
    )
    return found


def week_of(deployment: Deployment, now: datetime) -> list[float | None]:
    """Requests of each of the last seven UTC days, oldest first; None for a day without metrics."""
    first = now.date() - timedelta(days=WEEK_DAYS - 1)
    rows = HealthBucket.objects.filter(deployment=deployment, width=COARSE, start__date__gte=first)
    sums = rows.order_by().annotate(day=TruncDate("start")).values_list("day").annotate(Sum("requests"))
    counted = dict(sums)
    return [counted.get(first + timedelta(days=offset)) for offset in range(WEEK_DAYS)]
