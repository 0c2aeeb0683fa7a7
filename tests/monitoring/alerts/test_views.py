"""The inbox, one alert, rules, receivers and routes: who sees and does what."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from monitoring.alerts.states import AlertSubject
from monitoring.alerts.tasks import deliver_alert
from monitoring.models import Alert, AlertRoute, AlertRule, Delivery, Receiver
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import page_of, queries
from tests.monitoring.alerts.reporting_alerts import make_receiver, report
from web.crypto import decrypt

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
INBOX = reverse("monitoring:alerts")
ACT = reverse("monitoring:alerts_act")
RECEIVERS = reverse("monitoring:receivers")
ROUTES = reverse("monitoring:alert_routes")
SECRET = "canary-of-the-address"


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """The deliveries that a worker was told of."""
    messages: list[int] = []
    monkeypatch.setattr(deliver_alert, "delay", messages.append)
    return messages


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud")


@pytest.fixture
def alert(deployment):
    return firing(deployment)


@pytest.fixture
def receiver(deployment):
    return make_receiver(deployment)


def firing(deployment, key="", reason="PSI of amount is 0.4."):
    return report(deployment, "drift", Standing.FAILING, reason, {"psi": 0.4}, key=key)


def url_of(alert):
    return reverse("monitoring:alert", args=[alert.pk])


def state_of(alert):
    return Alert.objects.get(pk=alert.pk).state


# -- the inbox -------------------------------------------------------------------------------------


def test_the_inbox_shows_what_is_not_over_and_filters_stand_in_the_url(client, viewer, deployment, alert):
    client.force_login(viewer)
    assert "PSI of amount is 0.4." in page_of(client, INBOX)
    for query in ("state=firing", "severity=warning", "subject=drift", "environment=staging", "q=amount+card"):
        assert "PSI of amount is 0.4." in page_of(client, f"{INBOX}?{query}"), query
    for query in ("state=snoozed", "severity=critical", "subject=health", "q=nonsense"):
        assert "PSI of amount is 0.4." not in page_of(client, f"{INBOX}?{query}"), query
    report(deployment, "drift", Standing.PASSING, "fine", {})
    assert "No firing alerts" in page_of(client, INBOX)
    assert "PSI of amount is 0.4." in page_of(client, f"{INBOX}?state=resolved")
    page_of(client, f"{INBOX}?state=nonsense", 400)


def test_a_pending_alert_is_seen_by_nobody(client, viewer, deployment):
    client.force_login(viewer)
    pending = report(deployment, "health", Standing.FAILING, "5xx is 9 %", {})
    assert "5xx" not in page_of(client, f"{INBOX}?state=all")
    page_of(client, url_of(pending), 404)


def test_a_stranger_sees_no_alert_and_nobody_unknown_sees_the_inbox(client, stranger, alert, receiver):
    for address in (INBOX, url_of(alert), RECEIVERS):
        assert client.get(address).status_code == 302
    client.force_login(stranger)
    assert "card-fraud" not in page_of(client, INBOX)
    assert "on call" not in page_of(client, RECEIVERS)
    page_of(client, url_of(alert), 404)
    page_of(client, reverse("monitoring:alert_rules", args=[alert.deployment_id]), 404)
    client.post(ACT, {"action": "resolve", "alert": [alert.pk]})
    assert state_of(alert) == "firing"


def test_one_alert_and_twenty_cost_the_same(client, deployer, deployment, alert):
    client.force_login(deployer)
    page_of(client, INBOX)
    one = queries(client, INBOX)
    for number in range(19):
        firing(deployment, f"feature {number}")
    assert queries(client, INBOX) == one


def test_one_receiver_and_twenty_cost_the_same(client, owner, deployment, receiver):
    client.force_login(owner)
    page_of(client, RECEIVERS)
    one = queries(client, RECEIVERS)
    for number in range(19):
        more = make_receiver(deployment, f"receiver {number}")
        Delivery.objects.create(receiver=more, next_at=timezone.now())
    assert queries(client, RECEIVERS) == one


def test_home_counts_what_is_firing_for_those_whom_it_concerns(client, viewer, stranger, deployer, alert):
    home = reverse("home")
    client.force_login(viewer)
    assert "1 alert firing" in page_of(client, home)
    client.force_login(stranger)
    assert "firing" not in page_of(client, home)
    client.force_login(deployer)
    client.post(ACT, {"action": "acknowledge", "alert": [alert.pk]})
    assert "1 alert firing" not in page_of(client, home)


# -- acting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "state"),
    [("acknowledge", "acknowledged"), ("snooze_1h", "snoozed"), ("snooze_1d", "snoozed"), ("resolve", "resolved")],
)
def test_a_deployer_does_with_it_what_is_to_be_done_and_the_audit_knows(client, deployer, alert, action, state):
    client.force_login(deployer)
    answer = client.post(ACT, {"action": action, "alert": [alert.pk], "from": "alert"})
    assert answer.url == url_of(alert)
    assert state_of(alert) == state
    assert LogEntry.objects.get_for_object(alert).get().actor == deployer
    assert deployer.display_name in page_of(client, url_of(alert))


def test_many_are_done_at_once_and_the_filter_stays(client, deployer, deployment):
    ids = [firing(deployment, f"feature {number}").pk for number in range(3)]
    client.force_login(deployer)
    answer = client.post(ACT, {"action": "acknowledge", "alert": ids[:2], "query": "subject=drift"}, follow=True)
    assert answer.redirect_chain[-1][0] == f"{INBOX}?subject=drift"
    assert "2 alerts acknowledged." in answer.content.decode()
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["acknowledged"] * 2 + ["firing"]


def test_a_snooze_ends_when_it_is_said_and_within_a_month(client, deployer, alert):
    client.force_login(deployer)
    for days in (-1, 31):
        wrong = f"{timezone.now() + timedelta(days=days):%Y-%m-%dT%H:%M}"
        answer = client.post(ACT, {"action": "snooze", "alert": [alert.pk], "until": wrong}, follow=True)
        assert "Choose a time within the next 30 days." in answer.content.decode()
    assert "Enter a time." in client.post(ACT, {"action": "snooze", "alert": [alert.pk]}, follow=True).content.decode()
    until = timezone.now() + timedelta(days=2)
    client.post(ACT, {"action": "snooze", "alert": [alert.pk], "until": f"{until:%Y-%m-%dT%H:%M}"})
    found = Alert.objects.get()
    assert found.state == "snoozed"
    assert found.snoozed_until is not None
    assert abs(found.snoozed_until - until) < timedelta(minutes=1)


def test_a_viewer_may_look_and_not_act(client, viewer, alert):
    client.force_login(viewer)
    assert "Acknowledge" not in page_of(client, url_of(alert))
    assert client.post(ACT, {"action": "resolve", "alert": [alert.pk]}).status_code == 403
    assert state_of(alert) == "firing"


def test_what_is_over_already_is_told_and_nonsense_is_no_error(client, deployer, alert):
    client.force_login(deployer)
    client.post(ACT, {"action": "resolve", "alert": [alert.pk]})
    again = client.post(ACT, {"action": "resolve", "alert": [alert.pk]}, follow=True)
    assert "This alert is already resolved." in again.content.decode()
    for body in ({}, {"action": "x", "alert": [alert.pk]}, {"action": "resolve", "alert": ["x", "9" * 30]}):
        assert client.post(ACT, body).status_code == 302


def test_resolving_by_hand_tells_the_receivers(client, deployer, receiver, alert):
    client.force_login(deployer)
    client.post(ACT, {"action": "resolve", "alert": [alert.pk]})
    assert list(Delivery.objects.order_by("pk").values_list("event__state", flat=True)) == ["firing", "resolved"]
    assert "Pending" in page_of(client, url_of(alert))


def test_an_alert_that_nobody_was_told_of_says_so(client, viewer, alert):
    client.force_login(viewer)
    assert "no receiver was notified" in page_of(client, url_of(alert))


# -- rules -----------------------------------------------------------------------------------------

RULE = {"subject": "drift", "enabled": "on", "from_standing": "at_risk", "severity": "critical", "for_s": "60"}


def test_a_deployer_sets_when_a_subject_is_an_alert(client, deployer, viewer, deployment):
    address = reverse("monitoring:alert_rules", args=[deployment.pk])
    client.force_login(viewer)
    assert client.post(address, RULE).status_code == 403
    client.force_login(deployer)
    page = page_of(client, address)
    assert all(f">{label}</h2>" in page for label in AlertSubject.labels)
    assert client.post(address, RULE).status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.from_standing, rule.severity, rule.for_s, rule.stale_after_s) == ("at_risk", "critical", 60, None)
    assert client.post(address, RULE | {"for_s": "99999999"}).status_code == 422
    assert client.post(address, RULE | {"subject": "nonsense"}).status_code == 422
    assert AlertRule.objects.get().for_s == 60


# -- receivers and routes --------------------------------------------------------------------------

NEW = {"team": "fraud", "name": "hook", "kind": "webhook", "address": f"https://example.com/{SECRET}"}


def test_a_team_admin_adds_a_receiver_whose_address_is_never_shown(client, owner, deployment):
    client.force_login(owner)
    assert client.post(RECEIVERS, NEW).status_code == 302
    receiver = Receiver.objects.get()
    assert decrypt(receiver.address).decode() == NEW["address"]
    assert SECRET.encode() not in bytes(receiver.address)
    assert receiver.routes.get().min_severity == "warning"
    assert SECRET not in page_of(client, RECEIVERS)
    assert SECRET not in str(list(LogEntry.objects.values()))


def test_a_receiver_that_cannot_be_is_refused_beside_its_field_and_its_address_not_repeated(client, owner, deployment):
    client.force_login(owner)
    client.post(RECEIVERS, NEW)
    for change, text in (
        ({"address": f"file:///{SECRET}", "name": "other"}, "This is not a valid Webhook (JSON) address"),
        ({}, "already has a receiver with this name"),
        ({"team": "nonsense"}, "Select a valid choice"),
    ):
        answer = client.post(RECEIVERS, NEW | change)
        assert answer.status_code == 422
        assert text in answer.content.decode()
        assert SECRET not in answer.content.decode()
    assert Receiver.objects.count() == 1


def test_a_test_is_sent_at_once_and_its_result_shown(client, owner, receiver, sent, django_capture_on_commit_callbacks):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("monitoring:receiver_test", args=[receiver.pk]))
    delivery = Delivery.objects.get()
    assert sent == [delivery.pk]
    partial = reverse("monitoring:receiver_deliveries", args=[receiver.pk])
    assert "hx-get" in page_of(client, partial)
    Delivery.objects.update(status="failed", error="The receiver said 404.")
    page = page_of(client, partial)
    assert "The receiver said 404." in page
    assert "hx-get" not in page


def test_routes_are_added_and_removed_by_team_admins_alone(client, owner, deployer, stranger, receiver):
    route = AlertRoute.objects.get()
    new = {"receiver": receiver.pk, "subject": "health", "environment": "staging", "min_severity": "critical"}
    remove = reverse("monitoring:route_delete", args=[route.pk])
    delete = reverse("monitoring:receiver_delete", args=[receiver.pk])
    test = reverse("monitoring:receiver_test", args=[receiver.pk])
    for person, status in ((deployer, 403), (stranger, 404)):
        client.force_login(person)
        assert [client.post(address).status_code for address in (remove, delete, test)] == [status] * 3
        assert client.post(ROUTES, new).status_code in (403, 422)
        assert AlertRoute.objects.get() == route
    client.force_login(owner)
    assert client.post(ROUTES, new | {"min_severity": "x"}).status_code == 422
    client.post(ROUTES, new)
    client.post(remove)
    assert [(row.subject, row.environment.slug) for row in AlertRoute.objects.all()] == [("health", "staging")]
    assert "Delete on call?" in page_of(client, delete)
    client.post(delete)
    assert not Receiver.objects.exists()
