"""When a subject opens an alert, where nobody has said otherwise for the deployment."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.models import Deployment
from monitoring.alerts.models import AlertRule
from monitoring.alerts.states import AlertSubject, Severity
from monitoring.watched.states import Standing


@dataclass(frozen=True)
class Rule:
    """``from_standing`` at risk: that and failing. The numbers are those of AlertRule."""

    subject: AlertSubject
    enabled: bool
    from_standing: Standing
    severity: Severity
    for_s: int
    stale_after_s: int | None

    def is_met_by(self, standing: Standing) -> bool:
        return standing == Standing.FAILING or (standing == Standing.AT_RISK and self.from_standing == Standing.AT_RISK)


S = AlertSubject
DEFAULTS = {
    rule.subject: rule
    for rule in (
        # Two minutes are four readings of the metrics: one slow scrape is no alert.
        Rule(S.HEALTH, True, Standing.FAILING, Severity.CRITICAL, 120, 900),
        Rule(S.DRIFT, True, Standing.FAILING, Severity.WARNING, 0, None),
        Rule(S.QUALITY, True, Standing.FAILING, Severity.WARNING, 0, None),
        Rule(S.COST, True, Standing.AT_RISK, Severity.WARNING, 0, None),
        Rule(S.CONFIG, True, Standing.AT_RISK, Severity.WARNING, 600, None),
        Rule(S.RUN, True, Standing.FAILING, Severity.CRITICAL, 0, None),
    )
}


def of_row(row: AlertRule) -> Rule:
    return Rule(
        AlertSubject(row.subject),
        row.enabled,
        Standing(row.from_standing),
        Severity(row.severity),
        row.for_s,
        row.stale_after_s,
    )


def rule_for(deployment: Deployment, subject: AlertSubject) -> Rule:
    row = AlertRule.objects.filter(deployment=deployment, subject=subject).first()
    return of_row(row) if row else DEFAULTS[subject]


def rules_of(deployment: Deployment) -> list[Rule]:
    """One for each subject, in their order. One query."""
    rows = {row.subject: of_row(row) for row in AlertRule.objects.filter(deployment=deployment)}
    return [rows.get(subject, DEFAULTS[subject]) for subject in AlertSubject]
