"""Quality beside the limit of a team: one standing for the page, the API, the fleet and alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from deployments.models import Deployment
from integrations.errors import IntegrationError
from monitoring.alerts.states import AlertState, AlertSubject
from monitoring.models import Alert, LabelSource, QualityDay, QualityJob, Watch
from monitoring.quality import counting, tasks
from monitoring.quality.figures import metrics_for
from monitoring.quality.judging import QualityRule, judged
from monitoring.quality.telling import tell
from monitoring.watched.states import Standing
from sketches.job import NO_TABLE
from tests.deployments.page_text import page_of
from tests.monitoring.quality.labelled_endpoint import deployment
from tests.monitoring.quality.labelling import DAY, NOON, name_labels

pytestmark = pytest.mark.django_db
__all__ = ["deployment"]
ApiAs = Callable[[User], APIClient]
GIVEN = {"table": "main.risk.chargebacks", "id_column": "order_id", "label_column": "fraud", "kind": "classification"}
URL = reverse("monitoring:quality", args=["staging.fraud.card_fraud"])


@pytest.fixture
def source(deployment: Deployment, deployer: User) -> LabelSource:
    """Accuracy is to be at least 0.8 over three days, and everything was just counted."""
    made = name_labels(deployment, deployer, metric="accuracy", limit=0.8, window_days=3)
    QualityJob.objects.create(source=made, status="done", counted_at=NOON, finished_at=NOON)
    return made


def keep(deployment: Deployment, right: int, *, of: int = 100, back: int = 0, predictions: int = 200) -> None:
    """One day of the version: of its predictions ``of`` have labels, and ``right`` of these are so."""
    pairs = [[predicted, actual, count] for predicted, actual, count in [("1", "1", right), ("0", "1", of - right)]]
    QualityDay.objects.update_or_create(
        deployment=deployment,
        version=deployment.model.versions.get(version=3),
        date=(NOON - back * DAY).date(),
        defaults={
            "predictions": predictions,
            "with_id": predictions,
            "labelled": of,
            "timed": 0,
            "delay_s": 0.0,
            "pairs": [pair for pair in pairs if pair[2]],
        },
    )


@pytest.mark.parametrize(
    ("right", "standing"), [(79, "failing"), (80, "at_risk"), (83, "at_risk"), (84, "passing"), (100, "passing")]
)
def test_a_share_is_judged_by_its_least(
    deployment: Deployment, source: LabelSource, right: int, standing: Standing
) -> None:
    keep(deployment, right)
    found = judged(deployment, NOON)
    assert (found.standing, found.value) == (standing, right / 100)
    assert found.reason == (
        f"Accuracy is {right / 100:.4g}, must be at least 0.8: 100 labels of version 3, 2026-11-20, for 50 % of the "
        "predictions."
    )


@pytest.mark.parametrize(
    ("key", "limit", "expected"),
    [
        ("accuracy", 0.98, {0.979: "failing", 0.98: "at_risk", 0.985: "at_risk", 0.995: "passing", 1.0: "passing"}),
        ("accuracy", 1.0, {0.999: "failing", 1.0: "passing"}),
        ("mae", 10.0, {10.01: "failing", 10.0: "at_risk", 9.6: "at_risk", 9.4: "passing", 0.0: "passing"}),
        ("bias", 2.0, {-2.1: "failing", 2.1: "failing", -1.95: "at_risk", 1.95: "at_risk", -1.0: "passing"}),
    ],
)
def test_the_best_figure_passes_under_every_limit(key: str, limit: float, expected: dict[float, str]) -> None:
    metrics = [*metrics_for("classification", ""), *metrics_for("regression", "")]
    rule = QualityRule(next(one for one in metrics if one.key == key), limit, 7)
    assert {value: rule.standing_of(value) for value in expected} == expected


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [("mae", 2.0, "MAE is 2, must be at most 3"), ("rmse", 2.5, "RMSE is 2.5"), ("bias", -1.5, "Bias is -1.5")],
)
def test_errors_of_numbers_are_judged_from_their_sums(
    deployment: Deployment, source: LabelSource, metric: str, value: float, words: str
) -> None:
    LabelSource.objects.update(kind="regression", positive_label="", metric=metric, limit=3)
    for back in (0, 1):
        keep(deployment, 100, back=back)
    QualityDay.objects.update(pairs=[], error=-150.0, absolute=200.0, squared=625.0)
    found = judged(deployment, NOON)
    assert (found.standing, found.value) == (Standing.PASSING, value)
    assert found.reason.startswith(words)
    LabelSource.objects.update(limit=1)
    assert judged(deployment, NOON).standing == Standing.FAILING


def test_only_the_newest_days_that_have_labels_count(deployment: Deployment, source: LabelSource) -> None:
    for back, right in ((0, 90), (3, 60), (4, 90), (5, 0)):
        keep(deployment, right, back=back)
    keep(deployment, 0, of=0, back=1)
    found = judged(deployment, NOON)
    assert (found.value, found.days) == (0.8, ((NOON - 4 * DAY).date(), NOON.date()))


def test_days_that_still_wait_for_labels_are_not_judged(deployment: Deployment, source: LabelSource) -> None:
    source.delay_days = 2
    source.save()
    keep(deployment, 0, back=1)
    assert judged(deployment, NOON).reason == (
        "Version 3 has no labels yet for days up to 2026-11-18, whose label delay is over."
    )
    keep(deployment, 100, back=2)
    assert (judged(deployment, NOON).standing, judged(deployment, NOON).value) == (Standing.PASSING, 1.0)


def _no_table(deployment: Deployment) -> None:
    deployment.intended = {}


def _no_traffic(deployment: Deployment) -> None:
    deployment.served = []


def _another_version(deployment: Deployment) -> None:
    deployment.served = [{"entity_version": "4", "traffic": 100}]


def _few(deployment: Deployment) -> None:
    keep(deployment, 29, of=29)


def _thin(deployment: Deployment) -> None:
    keep(deployment, 100, predictions=10_001)


def _old(deployment: Deployment) -> None:
    QualityDay.objects.update(date=NOON.date() - timedelta(days=61))


def _other_classes(deployment: Deployment) -> None:
    QualityDay.objects.update(pairs=[["no", "0", 60], ["yes", "1", 40]])


def _never_predicted(deployment: Deployment) -> None:
    LabelSource.objects.update(metric="precision", positive_label="1")
    QualityDay.objects.update(pairs=[["0", "0", 60], ["0", "1", 40]])


def _job(**values: Any) -> Callable[[Deployment], None]:
    def change(deployment: Deployment) -> None:
        QualityJob.objects.update(**values)

    return change


def _rule(**values: Any) -> Callable[[Deployment], None]:
    def change(deployment: Deployment) -> None:
        LabelSource.objects.update(**values)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_no_table, "The inference table is off."),
        (lambda _: LabelSource.objects.all().delete(), "No label table is set."),
        (_rule(limit=None), "No limit is set."),
        (_rule(metric=""), "No limit is set."),
        (lambda _: QualityJob.objects.all().delete(), "Labels were never counted."),
        (_job(status="failed", message="no table\nGRANT SELECT"), "The last count failed: no table."),
        (_job(status="running", message="no table"), "The last count failed: no table."),
        (_job(skipped={NO_TABLE: 1}), f"Labels cannot be counted: {NO_TABLE}."),
        (_job(counted_at=NOON - DAY), "Labels were last counted at 2026-11-19 12:00 UTC."),
        (_no_traffic, "No version of the model gets traffic."),
        (_another_version, "Version 4 has no labels yet."),
        (_few, "Only 29 labels of version 3, 2026-11-20, for 14.5 % of the predictions; at least 30 are needed."),
        (_thin, "Only 100 labels of version 3, 2026-11-20, for 1 % of the predictions; at least 1% is needed."),
        (_old, "No labels for predictions of version 3 since 2026-09-20."),
        (_other_classes, "These labels may not fit. No label equals a predicted class: labels are 0, 1"),
        (_never_predicted, "Precision of 1 is undefined for 100 labels of version 3"),
    ],
)
def test_what_is_not_known_is_unknown_and_says_why(
    deployment: Deployment, source: LabelSource, change: Callable[[Deployment], None], words: str
) -> None:
    keep(deployment, 100)
    assert judged(deployment, NOON).standing == Standing.PASSING
    change(deployment)
    found = judged(deployment, NOON)
    assert found.standing == Standing.UNKNOWN
    assert found.reason.startswith(words)


def test_quality_that_falls_is_one_alert_with_what_it_rests_on_and_ends_when_it_recovers(
    deployment: Deployment, source: LabelSource
) -> None:
    keep(deployment, 90)
    tell(deployment, NOON)
    assert Watch.objects.get().quality == Standing.PASSING
    assert not Alert.objects.exists()
    keep(deployment, 50)
    for _ in range(2):
        tell(deployment, NOON)
    alert, row = Alert.objects.get(), Watch.objects.get()
    assert (row.quality, row.quality_reason, row.quality_counted_at) == ("failing", alert.reason, NOON)
    assert (alert.subject, alert.state, alert.severity) == (AlertSubject.QUALITY, AlertState.FIRING, "warning")
    assert alert.evidence == {
        "version": 3,
        "metric": "accuracy",
        "value": 0.5,
        "limit": 0.8,
        "predictions": 200,
        "labelled": 100,
        "coverage": 0.5,
        "days": ["2026-11-20", "2026-11-20"],
    }
    assert alert.events.filter(state=AlertState.FIRING).count() == 1
    keep(deployment, 10, of=20)
    tell(deployment, NOON)
    assert (Watch.objects.get().quality, Alert.objects.get().state) == ("unknown", AlertState.FIRING)
    keep(deployment, 90)
    tell(deployment, NOON)
    assert Alert.objects.get().state == AlertState.RESOLVED


def test_an_alert_ends_with_the_limit_that_it_was_about(
    deployment: Deployment, source: LabelSource, deployer: User, api_as: ApiAs
) -> None:
    keep(deployment, 50)
    tell(deployment, NOON)
    assert Alert.objects.get().state == AlertState.FIRING
    url = f"/api/v1/deployments/{deployment.pk}/quality/"
    assert api_as(deployer).delete(url).status_code == 204
    assert Alert.objects.get().state == AlertState.RESOLVED
    row = Watch.objects.get()
    assert (row.quality, row.quality_reason) == ("unknown", "No label table is set.")


@pytest.fixture
def fresh(source: LabelSource, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Services and pages take the time of the counts for now."""
    for module in ("quality.services", "quality.views", "watched.views", "fleet.views", "quality.api", "fleet.api"):
        monkeypatch.setattr(f"monitoring.{module}.timezone.now", lambda: NOON)
    return NOON


def test_a_rule_that_changes_is_judged_at_once_and_nothing_is_counted_anew(
    client: Client, deployment: Deployment, source: LabelSource, deployer: User, api_as: ApiAs, fresh: datetime
) -> None:
    keep(deployment, 90)
    url = f"/api/v1/deployments/{deployment.pk}/quality/"
    same = {**GIVEN, "time_column": "known_at", "positive_label": "1"}
    asked = {**same, "metric": "recall", "limit": 0.95, "window_days": 5}
    answer = api_as(deployer).put(url, asked, format="json")
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("metric", "limit", "window_days")} == {
        "metric": "recall", "limit": 0.95, "window_days": 5,
    }  # fmt: skip
    assert (QualityDay.objects.count(), QualityJob.objects.get().counted_at) == (1, NOON)
    row, told = Watch.objects.get(), api_as(deployer).get(url).json()
    assert (row.quality, row.quality_reason) == (told["standing"], told["reason"]) == ("failing", row.quality_reason)
    assert told["value"] == 0.9
    assert told["rule"].startswith("Recall of 1 of the version with the most traffic must be at least 0.95")
    client.force_login(deployer)
    page = page_of(client, URL)
    assert row.quality_reason in page
    assert told["rule"] in page
    posted = client.post(f"{URL}?deployment={deployment.pk}", {**same, "metric": "accuracy", "limit": "0.7"})
    assert posted.status_code == 302
    source.refresh_from_db()
    assert (source.metric, source.limit, source.window_days) == ("accuracy", 0.7, 7)
    assert Watch.objects.get().quality == Standing.PASSING


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"metric": "accuracy"}, "limit"),
        ({"limit": "0.5"}, "metric"),
        ({"metric": "mae", "limit": "0.5"}, "metric"),
        ({"metric": "f1", "limit": "0.5"}, "metric"),
        ({"metric": "roc_auc", "limit": "0.5"}, "metric"),
        ({"metric": "accuracy", "limit": "1.5"}, "limit"),
        ({"metric": "accuracy", "limit": "0"}, "limit"),
        ({"metric": "mae", "limit": "-1", "kind": "regression"}, "limit"),
        ({"metric": "accuracy", "limit": "NaN"}, "limit"),
        ({"metric": "accuracy", "limit": "0.5", "window_days": "0"}, "window_days"),
        ({"metric": "accuracy", "limit": "0.5", "window_days": "61"}, "window_days"),
        ({"metric": "accuracy", "limit": "0.5", "window_days": "99999999999"}, "window_days"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_beside_its_field(
    client: Client, deployment: Deployment, deployer: User, api_as: ApiAs, values: dict[str, str], field: str
) -> None:
    client.force_login(deployer)
    answer = client.post(f"{URL}?deployment={deployment.pk}", {**GIVEN, **values})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    numbers = {name: _number(values[name]) for name in ("limit", "window_days") if name in values}
    url = f"/api/v1/deployments/{deployment.pk}/quality/"
    asked = api_as(deployer).put(url, {**GIVEN, **values, **numbers}, format="json")
    assert asked.status_code == 400
    assert list(asked.json()["fields"]) == [field]
    assert not LabelSource.objects.exists()


def _number(text: str) -> object:
    """As JSON has it, which has no NaN."""
    return text if text == "NaN" else json.loads(text)


def test_page_csv_and_api_of_the_fleet_say_the_same(
    client: Client, deployment: Deployment, source: LabelSource, deployer: User, api_as: ApiAs, fresh: datetime
) -> None:
    keep(deployment, 50)
    tell(deployment, NOON)
    client.force_login(deployer)
    (row,) = client.get("/fleet/").context["rows"]
    cell = {column.key: cell for column, cell in row.shown}["quality"]
    told = api_as(deployer).get("/api/v1/fleet/").json()["results"][0]
    assert (cell.value, cell.note, cell.tone) == (told["quality"], told["quality_reason"], "bad")
    assert cell.url == f"{URL}?deployment={deployment.pk}"
    assert "failing" in page_of(client, "/fleet/?format=csv")
    Watch.objects.update(quality_counted_at=NOON - DAY)
    old = api_as(deployer).get("/api/v1/fleet/").json()["results"][0]
    assert (old["quality"], old["quality_reason"]) == (
        "unknown",
        "Labels were last counted at 2026-11-19 12:00 UTC.",
    )


def test_the_task_brings_the_job_on_and_tells(
    deployment: Deployment, source: LabelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(deployment, 90)
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOON)
    monkeypatch.setattr(counting, "step", lambda found: QualityJob(status=QualityJob.Status.RUNNING))
    tasks.watch_quality(deployment.pk)
    assert not Watch.objects.exists()
    monkeypatch.setattr(counting, "step", lambda found: QualityJob.objects.get())
    tasks.watch_quality(deployment.pk)
    assert Watch.objects.get().quality == Standing.PASSING


def test_what_passes_is_left_for_the_next_round(
    deployment: Deployment, source: LabelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(found: Deployment) -> None:
        raise IntegrationError("busy", permanent=False)

    monkeypatch.setattr(counting, "step", refuse)
    tasks.watch_quality(deployment.pk)
    assert not Watch.objects.exists()
