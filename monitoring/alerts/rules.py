"""Alert rules: the defaults, and those that a deployment has set."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.models import Deployment
from monitoring.alerts.models import AlertRule
from monitoring.alerts.states import AlertSubject, Severity
from monitoring.watched.states import Standing


@dataclass(frozen=True)
class Rule:
    """The fields are those of AlertRule. ``from_standing`` at risk includes failing."""

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
        # Two minutes: one slow or failed reading of the metrics must not fire an alert.
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
    """One rule for each subject, in the order of AlertSubject. One query."""
    rows = {row.subject: of_row(row) for row in AlertRule.objects.filter(deployment=deployment)}
    return [rows.get(subject, DEFAULTS[subject]) for subject in AlertSubject]
