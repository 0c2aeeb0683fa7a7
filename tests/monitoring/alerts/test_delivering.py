"""Messages to receivers over real HTTP, and ends of runs that become alerts."""

import json
import logging
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from deployments.runs.statuses import RunStatus
from monitoring.alerts import delivering
from monitoring.alerts.sending import SCHEMES, AddressInvalid, plugin_for
from monitoring.alerts.states import AlertState
from monitoring.alerts.tasks import deliver_alert, send_alerts, watch_alerts
from monitoring.models import Alert, Delivery, Receiver, ReceiverKind, SeenRun
from monitoring.watched.states import Standing
from tests.deployments.conftest import make_deployment, make_run
from tests.monitoring.alerts.reporting_alerts import make_receiver, report
from web.crypto import encrypt

pytestmark = pytest.mark.django_db
SECRET = "canary-of-the-address"


class HookServer(ThreadingHTTPServer):
    """``got``: paths and bodies; ``answers``: the statuses that it answers with first."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Hook)
        self.got, self.answers = [], []


class Hook(BaseHTTPRequestHandler):
    server: "HookServer"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))
        status = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def hook():
    server = HookServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def queue(monkeypatch):
    """Tasks run at once."""
    monkeypatch.setattr(deliver_alert, "apply_async", lambda args, **_: deliver_alert(*args))


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud")


@pytest.fixture
def receiver(deployment, hook):
    return pointed_at(hook, make_receiver(deployment))


def pointed_at(hook, receiver):
    address = f"http://127.0.0.1:{hook.server_port}/{SECRET}"
    Receiver.objects.filter(pk=receiver.pk).update(address=encrypt(address.encode()))
    return receiver


def send_later(seconds):
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    send_alerts()


def test_a_webhook_hears_when_it_fires_and_when_it_is_over(deployment, receiver, hook):
    report(deployment, "drift", Standing.FAILING, "PSI of amount is 0.4.", {})
    send_alerts()
    send_alerts()
    [(path, body)] = hook.got
    assert path == f"/{SECRET}"
    assert body["title"] == "[Warning] Drift of card-fraud in Staging"
    assert "PSI of amount is 0.4." in body["message"]
    assert body["type"] == "warning"
    report(deployment, "drift", Standing.PASSING, "PSI of amount is 0.01.", {})
    send_alerts()
    assert (hook.got[1][1]["title"], hook.got[1][1]["type"]) == ("[Resolved] Drift of card-fraud in Staging", "success")
    assert list(Delivery.objects.values_list("status", "attempts")) == [("sent", 1), ("sent", 1)]


def test_a_refused_message_is_tried_again_later_and_the_reason_kept(deployment, receiver, hook):
    hook.answers = [500]
    report(deployment, "drift", Standing.FAILING, "too much", {})
    send_alerts()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("pending", 1)
    assert "500" in delivery.error
    assert delivery.next_at > timezone.now()
    send_alerts()
    assert len(hook.got) == 1
    send_later(10)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.error) == ("sent", 2, "")


def test_after_the_last_try_it_is_given_up_with_its_error_and_without_its_secret(deployment, receiver, hook):
    hook.answers = [503] * 9
    report(deployment, "drift", Standing.FAILING, "too much", {})
    for _ in range(8):
        send_later(0)
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("failed", len(delivering.BACKOFF_S) + 1)
    assert delivery.error
    assert SECRET not in delivery.error
    assert len(hook.got) == 5


def test_a_receiver_that_is_not_there_keeps_no_other_from_hearing(deployment, receiver, hook):
    gone = make_receiver(deployment, "gone")
    Receiver.objects.filter(pk=gone.pk).update(address=encrypt(f"json://127.0.0.1:1/{SECRET}".encode()))
    report(deployment, "drift", Standing.FAILING, "too much", {})
    send_alerts()
    found = {row.receiver.name: row for row in Delivery.objects.select_related("receiver")}
    assert (found["on call"].status, found["gone"].status) == ("sent", "pending")
    assert found["gone"].error
    assert SECRET not in found["gone"].error


def test_slack_gets_what_slack_wants(deployment, receiver, hook, monkeypatch):
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.server_port}/services")
    address = b"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    Receiver.objects.update(kind="slack", address=encrypt(address))
    report(deployment, "drift", Standing.FAILING, "PSI of amount is 0.4.", {})
    send_alerts()
    [(path, body)] = hook.got
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert "PSI of amount is 0.4." in json.dumps(body)
    assert Delivery.objects.get().status == "sent"


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("webhook", "file:///etc/passwd"),
        ("webhook", "syslog://"),
        ("webhook", "mailto://u:p@example.com"),
        ("webhook", "https://?to=nobody"),
        ("slack", "https://example.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"),
        ("teams", "https://example.com/x"),
        ("email", "json://example.com"),
        ("pagerduty", "nonsense"),
    ],
)
def test_only_addresses_of_its_own_kind_are_taken_and_none_is_repeated(kind, address):
    with pytest.raises(AddressInvalid) as caught:
        plugin_for(kind, address)
    assert address not in str(caught.value)


def test_an_address_that_cannot_be_read_is_not_logged(monkeypatch):
    heard = []
    ear = logging.Handler()
    monkeypatch.setattr(ear, "emit", lambda record: heard.append(record.getMessage()))
    monkeypatch.setattr(logging.getLogger(), "handlers", [ear])
    with pytest.raises(AddressInvalid):
        plugin_for("slack", f"slack://{SECRET}")
    assert heard == []
    logging.getLogger("tests").warning("this is heard")
    assert heard == ["this is heard"]


def test_each_kind_has_addresses():
    assert set(SCHEMES) == set(ReceiverKind)
    good = {
        "email": "mailtos://u:p@example.com",
        "slack": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "teams": "workflows://host:443/workflow/signature",
        "pagerduty": "pagerduty://integration@api",
        "webhook": "https://example.com/hook",
    }
    for kind in ReceiverKind:
        assert plugin_for(kind, good[kind]).socket_read_timeout == 10


# -- runs ------------------------------------------------------------------------------------------


def ended(deployment, status, **more):
    return make_run(deployment, status, **{"finished_at": timezone.now(), "message": "the endpoint said no", **more})


def test_a_failed_rollback_pages_at_once_and_once(deployment, receiver, hook):
    run = ended(deployment, RunStatus.ROLLBACK_FAILED)
    watch_alerts()
    watch_alerts()
    alert = Alert.objects.get()
    assert (alert.subject, alert.severity, alert.state) == ("run", "critical", "firing")
    assert alert.reason == f"Run #{run.pk} ended: rollback failed. the endpoint said no"
    send_alerts()
    assert [body["type"] for _, body in hook.got] == ["failure"]


def test_the_next_good_run_resolves_it_and_one_that_was_rejected_does_not(deployment):
    ended(deployment, RunStatus.ROLLBACK_FAILED)
    watch_alerts()
    ended(deployment, RunStatus.REJECTED)
    watch_alerts()
    assert Alert.objects.get().state == "firing"
    ended(deployment, RunStatus.SUCCEEDED)
    watch_alerts()
    assert Alert.objects.get().state == "resolved"


def test_a_failed_run_alone_pages_nobody_by_default(deployment):
    ended(deployment, RunStatus.FAILED)
    watch_alerts()
    assert (Alert.objects.count(), SeenRun.objects.count()) == (0, 1)


def test_a_resumed_run_may_end_badly_again(deployment, deployer):
    run = ended(deployment, RunStatus.ROLLBACK_FAILED)
    watch_alerts()
    Alert.objects.get().transition(AlertState.RESOLVED, "mended", actor=deployer)
    watch_alerts()
    assert not Alert.objects.ongoing().exists()
    type(run).objects.filter(pk=run.pk).update(finished_at=timezone.now(), status=RunStatus.SUCCEEDED)
    watch_alerts()
    ended(deployment, RunStatus.ROLLBACK_FAILED)
    watch_alerts()
    assert Alert.objects.ongoing().count() == 1


def test_old_ends_are_no_news(deployment):
    ended(deployment, RunStatus.ROLLBACK_FAILED, finished_at=timezone.now() - timedelta(days=3))
    watch_alerts()
    assert not Alert.objects.exists()


def test_a_snooze_ends_without_a_new_report(deployment, deployer):
    ended(deployment, RunStatus.ROLLBACK_FAILED)
    watch_alerts()
    alert = Alert.objects.get()
    alert.transition(AlertState.SNOOZED, "later", actor=deployer, until=timezone.now() - timedelta(seconds=1))
    watch_alerts()
    alert.refresh_from_db()
    assert (alert.state, alert.snoozed_until) == ("firing", None)
