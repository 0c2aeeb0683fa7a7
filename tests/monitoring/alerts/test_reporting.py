"""Alerts open once, go on, are silenced, and end: by their rule, and whoever reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from auditlog.models import LogEntry

from deployments.models import Deployment
from monitoring.alerts.states import ALERT_TRANSITIONS, AlertState
from monitoring.models import Alert, AlertRule, Delivery, Receiver
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment
from tests.deployments.racing import at_once
from tests.factories import EnvironmentFactory, TeamFactory
from tests.monitoring.alerts.reporting_alerts import make_receiver, report

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PASSING, AT_RISK, FAILING, UNKNOWN = Standing.PASSING, Standing.AT_RISK, Standing.FAILING, Standing.UNKNOWN


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = SimpleNamespace(time=datetime(2026, 11, 20, 12, tzinfo=UTC))
    for module in ("alerts.reporting", "alerts.routing", "alerts.models"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: clock.time))
    return clock


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud")


@pytest.fixture
def receiver(deployment):
    return make_receiver(deployment)


def told():
    rows = Delivery.objects.order_by("pk").values_list("receiver__name", "event__state")
    return [(name, str(state)) for name, state in rows]


def test_a_drift_that_fails_opens_one_alert_and_tells_the_receivers_once(deployment, receiver):
    for share in (0.4, 0.5):
        alert = report(deployment, "drift", FAILING, f"PSI is {share}.", {"psi": share})
    found = Alert.objects.get()
    assert alert == found
    assert (found.state, found.reason, found.evidence) == ("firing", "PSI is 0.5.", {"psi": 0.5})
    assert told() == [("on call", "firing")]


def test_passing_resolves_it_and_says_so(deployment, receiver):
    report(deployment, "drift", FAILING, "PSI is 0.4.", {})
    assert report(deployment, "drift", PASSING, "PSI is 0.05.", {}) is None
    alert = Alert.objects.get()
    assert (alert.state, alert.resolved_at is not None) == ("resolved", True)
    assert [event.message for event in alert.events.all()] == ["PSI is 0.4.", "PSI is 0.05."]
    assert told() == [("on call", "firing"), ("on call", "resolved")]
    report(deployment, "drift", FAILING, "PSI is 0.6.", {})
    assert Alert.objects.count() == 2


def test_at_risk_opens_nothing_where_the_rule_asks_for_failing_and_keeps_what_is_open(deployment):
    assert report(deployment, "drift", AT_RISK, "nearly", {}) is None
    report(deployment, "drift", FAILING, "too much", {})
    assert report(deployment, "drift", AT_RISK, "nearly", {}).state == "firing"


def test_health_must_fail_for_two_minutes_before_anybody_is_told(deployment, receiver, clock):
    assert report(deployment, "health", FAILING, "5xx is 9 %", {}).state == "pending"
    clock.time += timedelta(seconds=119)
    assert report(deployment, "health", FAILING, "5xx is 9 %", {}).state == "pending"
    assert told() == []
    clock.time += timedelta(seconds=1)
    alert = report(deployment, "health", FAILING, "5xx is 9 %", {})
    assert (alert.state, alert.severity, told()) == ("firing", "critical", [("on call", "firing")])


def test_what_was_over_before_its_time_was_told_to_nobody(deployment, receiver, clock):
    report(deployment, "health", FAILING, "5xx is 9 %", {})
    report(deployment, "health", PASSING, "5xx is 0 %", {})
    clock.time += timedelta(hours=1)
    report(deployment, "health", FAILING, "5xx is 9 %", {})
    assert told() == []
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["resolved", "pending"]


def test_unknown_neither_opens_nor_resolves(deployment):
    assert report(deployment, "drift", UNKNOWN, "no rows", {}) is None
    report(deployment, "drift", FAILING, "too much", {})
    assert report(deployment, "drift", UNKNOWN, "no rows", {}).state == "firing"
    assert Alert.objects.count() == 1


def test_no_data_for_too_long_is_an_alert_of_its_own_that_ends_with_any_answer(deployment, receiver, clock):
    report(deployment, "health", UNKNOWN, "the endpoint does not answer", {})
    clock.time += timedelta(seconds=900)
    report(deployment, "health", UNKNOWN, "the endpoint does not answer", {})
    alert = Alert.objects.get()
    assert (alert.key, alert.state, alert.severity) == ("no data", "firing", "warning")
    report(deployment, "health", FAILING, "5xx is 9 %", {})
    assert set(Alert.objects.values_list("key", "state")) == {("no data", "resolved"), ("", "pending")}


def test_keys_are_alerts_of_their_own(deployment):
    for key in ("amount", "country"):
        report(deployment, "drift", FAILING, key, {}, key=key)
    report(deployment, "drift", PASSING, "fine", {}, key="country")
    assert list(Alert.objects.ongoing().values_list("key", flat=True)) == ["amount"]


def test_an_acknowledged_alert_fires_again_only_when_it_gets_worse(deployment, receiver, deployer):
    alert = report(deployment, "cost", AT_RISK, "80 % of the budget", {})
    alert.transition(AlertState.ACKNOWLEDGED, "on it", actor=deployer)
    assert report(deployment, "cost", AT_RISK, "81 %", {}).state == "acknowledged"
    assert report(deployment, "cost", FAILING, "101 %", {}).state == "firing"
    assert told() == [("on call", "firing")] * 2


def test_a_snoozed_alert_fires_again_when_the_snooze_is_over(deployment, receiver, deployer, clock):
    alert = report(deployment, "drift", FAILING, "too much", {})
    alert.transition(AlertState.SNOOZED, "later", actor=deployer, until=clock.time + timedelta(hours=1))
    assert report(deployment, "drift", FAILING, "too much", {}).state == "snoozed"
    clock.time += timedelta(hours=1)
    assert report(deployment, "drift", FAILING, "too much", {}).state == "firing"
    assert told() == [("on call", "firing")] * 2


def test_what_a_person_has_resolved_stays_so_until_it_was_fine_or_is_worse(deployment, deployer):
    report(deployment, "cost", AT_RISK, "80 %", {}).transition(AlertState.RESOLVED, "known", actor=deployer)
    assert report(deployment, "cost", AT_RISK, "81 %", {}) is None
    assert report(deployment, "cost", FAILING, "101 %", {}).state == "firing"
    Alert.objects.ongoing().get().transition(AlertState.RESOLVED, "known", actor=deployer)
    assert report(deployment, "cost", FAILING, "110 %", {}) is None
    report(deployment, "cost", PASSING, "a new month", {})
    assert report(deployment, "cost", FAILING, "120 %", {}).state == "firing"


def test_a_rule_of_the_deployment_wins_over_what_is_usual(deployment):
    AlertRule.objects.create(deployment=deployment, subject="drift", from_standing="at_risk", severity="info", for_s=0)
    assert report(deployment, "drift", AT_RISK, "nearly", {}).severity == "info"
    AlertRule.objects.update(enabled=False)
    assert report(deployment, "drift", FAILING, "too much", {}) is None
    assert Alert.objects.get().state == "resolved"


def test_a_destroyed_deployment_has_no_open_alert(deployment, clock):
    report(deployment, "drift", FAILING, "too much", {})
    deployment.destroyed_at = clock.time
    assert report(deployment, "drift", FAILING, "too much", {}) is None
    assert Alert.objects.get().state == "resolved"


def test_routes_choose_by_subject_environment_and_severity_and_never_another_teams(deployment):
    elsewhere = EnvironmentFactory.create(workspace=deployment.workspace, slug="prod", catalog_name="prod")
    make_receiver(deployment, "all")
    make_receiver(deployment, "drift", subject="drift")
    make_receiver(deployment, "health", subject="health")
    make_receiver(deployment, "here", environment=deployment.environment)
    make_receiver(deployment, "production", environment=elsewhere)
    make_receiver(deployment, "critical", min_severity="critical")
    strange = make_receiver(deployment, "strange")
    Receiver.objects.filter(pk=strange.pk).update(team=TeamFactory.create())
    report(deployment, "drift", FAILING, "too much", {})
    assert [name for name, _ in told()] == ["all", "drift", "here"]


def test_a_state_is_left_only_as_the_table_says_and_each_step_leaves_a_line(deployment, deployer):
    for before, allowed in ALERT_TRANSITIONS.items():
        for to in AlertState:
            Alert.objects.all().delete()
            alert = report(deployment, "drift", FAILING, "too much", {})
            Alert.objects.filter(pk=alert.pk).update(state=before)
            alert.refresh_from_db()
            event = alert.transition(to, "a step", actor=deployer)
            assert (event is not None) == (to in allowed), (before, to)
            assert Alert.objects.get().state == (to if to in allowed else before)
            assert alert.events.filter(message="a step").count() == (to in allowed)
    assert LogEntry.objects.get_for_model(Alert).filter(actor=deployer).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_report_at_once_one_opens_the_alert_and_the_receivers_hear_once(deployment, receiver):
    def call():
        return report(Deployment.objects.get(pk=deployment.pk), "drift", FAILING, "too much", {})

    results = at_once(*[call] * 6)
    assert {type(result) for result in results} == {Alert}
    assert (Alert.objects.count(), told()) == (1, [("on call", "firing")])
