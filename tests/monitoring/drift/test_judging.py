"""Drift is found where it is, nowhere else, and never said of what nobody knows."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.drift.judging import Judged, judged
from monitoring.models import DriftJob, DriftWindow, FeatureSetting
from monitoring.watched.states import Standing
from sketches.payloads import PREDICTION
from tests.deployments.conftest import make_deployment
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, give_table, normal, settle, shifted

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def watched(model_version: ModelVersion, deployer: User) -> Deployment:
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=NINE)
    deployment.refresh_from_db()
    give_table(deployment)
    return deployment


def statuses(found: Judged) -> dict[str, str]:
    return {item.name: str(item.status) for item in found.features}


EVERY_FINE = {
    "amount": "ok",
    "age": "ok",
    "hour": "ok",
    "country": "ok",
    "is_new": "ok",
    "since": "ok",
    "constant": "ok",
    PREDICTION: "ok",
    "empty": "not_comparable",
}


def test_exactly_the_two_shifted_features_drift_in_the_next_window(watched: Deployment, tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "table")
    jobs = FakeWorkspace(traffic.path)
    traffic.send(5000, NINE, normal)
    settle(watched, jobs, NINE + HOUR)
    before = judged(watched, NINE + HOUR)
    assert statuses(before) == EVERY_FINE
    assert before.standing == Standing.PASSING
    traffic.send(5000, NINE + HOUR, shifted)
    settle(watched, jobs, NINE + 2 * HOUR)
    after = judged(watched, NINE + 2 * HOUR)
    assert after.span is not None
    assert (after.span.start, after.span.end, after.span.rows) == (NINE + HOUR, NINE + 2 * HOUR, 5000)
    assert statuses(after) == {**EVERY_FINE, "amount": "drift", "country": "drift"}
    assert (after.standing, after.reason) == (Standing.AT_RISK, "2 of 7 features drift")
    FeatureSetting.objects.create(deployment=watched, feature="amount", critical=True, updated_by=watched.created_by)
    found = judged(watched, NINE + 2 * HOUR)
    assert (found.standing, found.reason) == (
        Standing.FAILING,
        "2 of 7 features drift, including critical features: amount",
    )


@pytest.fixture
def counted(watched: Deployment, tmp_path: Path) -> Deployment:
    """An hour of normal traffic and one that is shifted."""
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    settle(watched, FakeWorkspace(traffic.path), NINE + HOUR)
    traffic.send(1000, NINE + HOUR, shifted)
    settle(watched, FakeWorkspace(traffic.path), NINE + 2 * HOUR)
    return watched


def set_feature(deployment: Deployment, feature: str, **values: Any) -> None:
    FeatureSetting.objects.create(deployment=deployment, feature=feature, updated_by=deployment.created_by, **values)


def test_what_people_say_of_a_feature_counts_at_once(counted: Deployment) -> None:
    now = NINE + 2 * HOUR
    set_feature(counted, "amount", threshold=900.0)
    set_feature(counted, "country", excluded=True)
    assert statuses(judged(counted, now)) == {**EVERY_FINE, "country": "excluded"}


def test_a_setting_may_take_back_what_the_spec_says(counted: Deployment) -> None:
    counted.spec["monitoring"] |= {"exclude": ["amount", "country"], "critical": ["amount"]}
    set_feature(counted, "amount", excluded=False, critical=False)
    found = judged(counted, NINE + 2 * HOUR)
    assert statuses(found) == {**EVERY_FINE, "amount": "drift", "country": "excluded"}
    assert found.standing == Standing.AT_RISK


def test_a_range_is_judged_as_a_sum(counted: Deployment) -> None:
    found = judged(counted, NINE + 2 * HOUR, (NINE, NINE + 2 * HOUR))
    assert found.span is not None
    assert found.span.rows == 2000
    assert next(item for item in found.features if item.name == "age").current_n == 2000


def test_a_range_is_the_same_sum_when_its_hours_are_forgotten(watched: Deployment, tmp_path: Path) -> None:
    """Two hours of the first day, one of the second, one of the third."""
    traffic, now = Traffic(tmp_path / "table"), NINE + 50 * HOUR
    for hour, rows in ((0, 700), (1, 300), (24, 500), (48, 200)):
        traffic.send(rows, NINE + hour * HOUR, normal)
    settle(watched, FakeWorkspace(traffic.path), now)
    midnight = NINE - 9 * HOUR

    def spans() -> list[tuple[datetime, datetime, int]]:
        ranges = [(midnight, midnight + 48 * HOUR), (NINE + HOUR, now)]
        found = [judged(watched, now, chosen).span for chosen in ranges]
        return [(span.start, span.end, span.rows) for span in found if span]

    before = spans()
    assert before == [(midnight, midnight + 48 * HOUR, 1500), (NINE + HOUR, NINE + 49 * HOUR, 1000)]
    assert DriftWindow.objects.filter(start__gte=NINE + 15 * HOUR, start__lt=NINE + 39 * HOUR).delete()[0] == 1
    assert spans() == before


def test_too_few_rows_are_taken_with_those_before_and_are_never_fine_by_themselves(
    watched: Deployment, tmp_path: Path
) -> None:
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    settle(watched, FakeWorkspace(traffic.path), NINE + HOUR)
    traffic.send(1, NINE + 2 * HOUR, shifted)
    settle(watched, FakeWorkspace(traffic.path), NINE + 3 * HOUR)
    found = judged(watched, NINE + 3 * HOUR)
    assert found.span is not None
    assert found.span.rows == 1001
    DriftWindow.objects.filter(start=NINE).delete()
    found = judged(watched, NINE + 3 * HOUR)
    assert set(statuses(found).values()) == {"no_data", "not_comparable"}
    assert found.standing == Standing.UNKNOWN


def test_old_counts_are_no_standing(counted: Deployment) -> None:
    assert judged(counted, NINE + 4 * HOUR).standing == Standing.AT_RISK
    stale = judged(counted, NINE + 6 * HOUR)
    assert (stale.standing, stale.reason) == (Standing.UNKNOWN, "not counted recently")
    DriftJob.objects.update(counted_at=NINE + 40 * HOUR)
    quiet = judged(counted, NINE + 40 * HOUR)
    assert quiet.standing == Standing.UNKNOWN
    assert quiet.reason == "no predictions since 2026-11-20 11:00 UTC"


def test_predictions_that_drift_put_the_model_at_risk(watched: Deployment, tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    settle(watched, FakeWorkspace(traffic.path), NINE + HOUR)
    traffic.send(1000, NINE + HOUR, normal, predict=lambda source: source.random() ** 2)
    settle(watched, FakeWorkspace(traffic.path), NINE + 2 * HOUR)
    found = judged(watched, NINE + 2 * HOUR)
    assert (found.standing, found.reason) == (Standing.AT_RISK, "0 of 7 features drift, and the predictions do too")


def test_a_window_that_differs_no_more_than_chance_does_is_no_drift(counted: Deployment) -> None:
    set_feature(counted, "age", threshold=1e-9)
    found = {item.name: item for item in judged(counted, NINE + 2 * HOUR).features}
    assert (found["age"].status, found["amount"].status) == ("ok", "drift")
    assert found["age"].value is not None
    assert found["age"].value > found["age"].threshold
    assert ", which chance explains for " in found["age"].reason


def test_what_is_missing_is_said(watched: Deployment) -> None:
    assert judged(watched, NINE).reason == "version 3 has no baseline"
    watched.served = []
    assert judged(watched, NINE).reason == "no version of the model gets traffic"
    watched.intended = {}
    assert "inference table is off" in judged(watched, NINE).reason
    assert judged(watched, NINE).standing == Standing.UNKNOWN


def odd(source: random.Random) -> dict[str, Any]:
    values = [None, True, float("inf"), 10**400, "é\ud800", [1, 2], {"a": 1}, "2026-13-45", -1e308, ""]
    return {name: source.choice(values) for name in ("amount", "age", "hour", "country", "is_new", "since", "constant")}


def test_odd_values_are_judged_and_never_raise(watched: Deployment, tmp_path: Path) -> None:
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    traffic.send(1000, NINE + HOUR, odd)
    settle(watched, FakeWorkspace(traffic.path), NINE + 2 * HOUR)
    found = judged(watched, NINE + 2 * HOUR)
    assert found.span is not None
    assert found.span.rows == 1000
    assert len(found.features) == len(EVERY_FINE)


def test_many_features_that_drift_fail_the_model(counted: Deployment) -> None:
    for name in ("age", "hour"):
        set_feature(counted, name, excluded=True)
    found = judged(counted, NINE + 2 * HOUR)
    assert (found.standing, found.reason) == (Standing.FAILING, "2 of 5 features drift")
    assert "A model that drifts is failing" in found.sentence
