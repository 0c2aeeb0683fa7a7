"""What was judged of health, and what was changed by hand, becomes an alert."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import ConfigCheck
from monitoring.alerts.tasks import watch_alerts
from monitoring.health.tasks import scrape_endpoint
from monitoring.models import Alert, Watch
from tests.deployments.conftest import make_deployment

pytestmark = pytest.mark.django_db
SECRET = "canary-of-a-value"


@pytest.fixture
def deployment(model_version, deployer):
    return make_deployment(model_version, deployer, "card-fraud")


def older(**by):
    Alert.objects.update(opened_at=timezone.now() - timedelta(**by))


def test_health_that_was_judged_failing_fires_after_two_minutes_and_ends_when_it_passes(deployment, monkeypatch):
    monkeypatch.setattr("monitoring.health.scraping.scrape", lambda deployment: None)
    monkeypatch.setattr("monitoring.health.tasks.judge_now", lambda deployment: None)
    watch = Watch.objects.create(deployment=deployment, health="failing", health_reason="9 % end in a 5xx", p99_ms=80)
    scrape_endpoint(deployment.pk)
    assert Alert.objects.get().state == "pending"
    older(minutes=3)
    scrape_endpoint(deployment.pk)
    alert = Alert.objects.get()
    assert (alert.state, alert.reason, alert.evidence["p99_ms"]) == ("firing", "9 % end in a 5xx", 80)
    watch.health = "passing"
    watch.save()
    scrape_endpoint(deployment.pk)
    assert Alert.objects.get().state == "resolved"


def test_a_change_by_hand_is_an_alert_without_its_values_until_it_is_undone(deployment):
    difference = {"field": "tags.team", "intended": "a", "live": SECRET, "first_seen_at": timezone.now().isoformat()}
    check = ConfigCheck.objects.create(
        deployment=deployment, checked_at=timezone.now(), status="drifted", differences=[difference]
    )
    watch_alerts()
    older(minutes=11)
    watch_alerts()
    alert = Alert.objects.get()
    assert (alert.state, alert.severity, alert.reason) == ("firing", "warning", "Changed by hand: tags.team")
    assert SECRET not in str(list(Alert.objects.values()))
    ConfigCheck.objects.filter(pk=check.pk).update(status="unknown", differences=[])
    watch_alerts()
    assert Alert.objects.get().state == "firing"
    ConfigCheck.objects.filter(pk=check.pk).update(status="in_sync")
    watch_alerts()
    assert Alert.objects.get().state == "resolved"
