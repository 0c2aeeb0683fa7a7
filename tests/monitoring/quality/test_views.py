"""The tab Quality and its API: the same figures, and only for those who may see and change them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient
from sklearn.metrics import accuracy_score, f1_score

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.models import LabelSource, QualityDay, QualityJob
from sketches.job import NO_TABLE
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import page_of, queries
from tests.monitoring.drift.drifting import give_table
from tests.monitoring.quality.labelling import DAY, NOON, Request, name_labels, requests

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
URL = reverse("monitoring:quality", args=["staging.fraud.card_fraud"])
GIVEN = {"table": "main.risk.chargebacks", "id_column": "order_id", "label_column": "fraud", "kind": "classification"}
ApiAs = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("quality.views", "watched.views", "quality.api"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NOON + timedelta(hours=1)))
    monkeypatch.setattr("web.ranges.timezone", SimpleNamespace(now=lambda: NOON + timedelta(hours=1)))


@pytest.fixture
def deployment(model_version: ModelVersion, deployer: User) -> Deployment:
    made = make_deployment(model_version, deployer, "card-fraud")
    give_table(made)
    return made


def keep(deployment: Deployment, made: list[Request], known: int, **values: Any) -> None:
    """Counts of ``made``, of which the first ``known`` have labels, as a job would have kept them."""
    version = deployment.model.versions.get(version=3)
    days: dict[Any, QualityDay] = {}
    for index, one in enumerate(made):
        empty = QualityDay(
            deployment=deployment, version=version, date=one.at.date(), predictions=0, with_id=0, labelled=0, timed=0,
            delay_s=0,
        )  # fmt: skip
        day = days.setdefault(one.at.date(), empty)
        day.predictions += 1
        day.with_id += values.get("with_id", 1)
        if index < known:
            day.labelled += 1
            day.timed += 1
            day.delay_s += 3 * 86400
            day.pairs.append([str(one.predicted), str(one.actual), 1])
    QualityDay.objects.bulk_create(days.values())


def end_count(source: LabelSource, **values: Any) -> None:
    told = {"status": "done", "counted_at": NOON, "finished_at": NOON, "labels": 7, **values}
    QualityJob.objects.create(source=source, **told)


@pytest.fixture
def counted(deployment: Deployment, deployer: User) -> list[Request]:
    """400 predictions of four days, with labels for 164 of them."""
    made = requests(400, days=4)
    keep(deployment, made, known=164)
    end_count(name_labels(deployment, deployer))
    return made


def api_url(deployment: Deployment) -> str:
    return f"/api/v1/deployments/{deployment.pk}/quality/"


def test_page_csv_and_api_say_the_same(
    client: Client, viewer: User, deployment: Deployment, counted: list[Request], api_as: ApiAs
) -> None:
    actual, predicted = [one.actual for one in counted[:164]], [one.predicted for one in counted[:164]]
    found = api_as(viewer).get(api_url(deployment)).json()
    assert found["missing"] == ""
    (version,) = found["versions"]
    assert version["metrics"]["accuracy"] == pytest.approx(accuracy_score(actual, predicted), abs=1e-9)
    assert version["metrics"]["f1"] == pytest.approx(f1_score(actual, predicted), abs=1e-9)
    assert (found["predictions"], found["labelled"], found["coverage"], found["delay_days"]) == (400, 164, 0.41, 3.0)
    client.force_login(viewer)
    page = page_of(client, URL)
    for text in ("Labels for 164 of 400 predictions", "41 %", f"{version['metrics']['accuracy']:.4g}", "F1 of 1"):
        assert text in page, text
    table = list(csv.DictReader(io.StringIO(page_of(client, f"{URL}?format=csv"))))
    assert [line["date_utc"] for line in table] == [row["date"] for row in found["days"]]
    assert [float(line["accuracy"]) for line in table] == [row["metrics"]["accuracy"] for row in found["days"]]
    assert [int(line["labelled"]) for line in table] == [row["labelled"] for row in found["days"]]


def test_days_with_few_labels_are_marked(
    client: Client, viewer: User, deployment: Deployment, deployer: User, api_as: ApiAs
) -> None:
    keep(deployment, requests(80, days=1), known=60)
    keep(deployment, requests(80, days=1, last=NOON - DAY), known=29)
    end_count(name_labels(deployment, deployer, delay_days=2))
    keep(deployment, requests(10, days=1, last=NOON - 5 * DAY), known=0)
    found = api_as(viewer).get(api_url(deployment)).json()
    notes = [row["note"] for row in found["days"]]
    assert notes == ["labels expected by 2026-11-22", "labels expected by 2026-11-21", "no labels"]
    client.force_login(viewer)
    (accuracy, *_) = client.get(URL).context["view"].charts
    assert [one.name for one in accuracy.series] == ["version 3", "version 3, few labels"]
    assert [len([point for point in one.data if point[1] is not None]) for one in accuracy.series] == [1, 1]


@pytest.mark.parametrize(
    ("pairs", "positive", "words"),
    [
        ([["0", "no", 40], ["1", "yes", 9]], "", "labels are no, yes, predictions 0, 1"),
        ([["0", "0", 40], ["1", "1", 9]], "fraud", "The positive label fraud does not occur: labels are 0, 1."),
        ([["0", "0", 40], ["1", "1", 9]], "1.0", ""),
        ([[str(name), "no", 7] for name in range(7)], "", "predictions 0, 1, 2, 3, 4 and others"),
    ],
)
def test_classes_that_do_not_fit_are_told(
    client: Client,
    viewer: User,
    deployment: Deployment,
    deployer: User,
    api_as: ApiAs,
    pairs: list[Any],
    positive: str,
    words: str,
) -> None:
    end_count(name_labels(deployment, deployer, positive_label=positive))
    keep(deployment, requests(49, days=1), known=49)
    QualityDay.objects.update(pairs=pairs)
    told = api_as(viewer).get(api_url(deployment)).json()["doubt"]
    assert words in told
    client.force_login(viewer)
    assert ("These labels may not fit" in page_of(client, URL)) == bool(told) == bool(words)


def test_the_range_chooses_whole_days(
    viewer: User, deployment: Deployment, counted: list[Request], api_as: ApiAs
) -> None:
    get = api_as(viewer).get
    assert get(api_url(deployment), {"range": "24h"}).json()["predictions"] == 200
    assert get(api_url(deployment), {"from": "2026-11-01T00:00:00Z", "to": "2026-11-17T05:00:00Z"}).json() | {
        "days": []
    } == get(api_url(deployment), {"from": "2026-11-17T00:00:00Z", "to": "2026-11-17T23:00:00Z"}).json() | {"days": []}
    assert get(api_url(deployment), {"range": "nonsense"}).status_code == 400


def test_an_empty_page_says_what_is_missing(
    client: Client, viewer: User, deployer: User, deployment: Deployment, model_version: ModelVersion
) -> None:
    client.force_login(deployer)
    assert "No label table" in page_of(client, URL)
    assert "Save and count" in page_of(client, URL)
    source = name_labels(deployment, deployer, delay_days=30)
    assert "Not counted yet" in page_of(client, URL)
    end_count(source, newest_label=NOON - DAY)
    assert "No predictions in this range" in page_of(client, URL)
    QualityJob.objects.update(skipped={NO_TABLE: 1})
    assert "Inference table not found" in page_of(client, URL)
    QualityJob.objects.update(skipped={})
    keep(deployment, requests(50, days=1), known=0, with_id=0)
    page = page_of(client, URL)
    assert "Requests have no client_request_id" in page
    assert "order-4711" in page
    QualityDay.objects.update(with_id=50)
    page = page_of(client, URL)
    assert "50 predictions await labels." in page
    assert "The newest is from 2026-11-19 12:00 UTC" in page
    assert "The label delay is 30 days: the first figures are expected on 2026-12-20." in page
    QualityJob.objects.update(status="failed", message="it may not be read\nGRANT SELECT ON TABLE a TO `b`;")
    page = page_of(client, URL)
    assert "It may not be read" in page
    assert "GRANT SELECT ON TABLE a TO `b`;" in page
    deployment.intended = {}
    deployment.save()
    client.force_login(viewer)
    page = page_of(client, URL)
    assert "Inference table is off" in page
    assert "Save and count" not in page


def test_labels_are_named_on_the_page_and_over_the_api_alike(
    client: Client, deployer: User, deployment: Deployment, api_as: ApiAs
) -> None:
    client.force_login(deployer)
    answer = client.post(f"{URL}?deployment={deployment.pk}", {**GIVEN, "positive_label": " 1 ", "delay_days": "30"})
    assert (answer.status_code, answer["Location"]) == (302, f"{URL}?deployment={deployment.pk}")
    source = LabelSource.objects.get()
    assert (source.table, source.positive_label, source.delay_days) == ("main.risk.chargebacks", "1", 30)
    assert LogEntry.objects.get_for_object(source).filter(action=LogEntry.Action.CREATE, actor=deployer).exists()
    assert 'value="main.risk.chargebacks"' in page_of(client, URL)
    changed = {**GIVEN, "kind": "regression", "label_column": "loss"}
    told = api_as(deployer).put(api_url(deployment), changed, format="json")
    assert (told.status_code, told.json()["kind"]) == (200, "regression")
    assert LabelSource.objects.get().delay_days is None
    assert LogEntry.objects.get_for_object(source).filter(action=LogEntry.Action.UPDATE, actor=deployer).exists()
    assert api_as(deployer).delete(api_url(deployment)).status_code == 204
    assert not LabelSource.objects.exists()
    assert api_as(deployer).delete(api_url(deployment)).status_code == 409
    name_labels(deployment, deployer)
    removed = client.post(reverse("monitoring:quality_remove", args=[deployment.pk]))
    assert removed.status_code == 302
    assert not LabelSource.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("table", "risk.chargebacks"),
        ("table", "a.b.c; DROP TABLE d"),
        ("id_column", ""),
        ("label_column", "ORDER_ID"),
        ("time_column", "x" * 256),
        ("kind", "ranking"),
        ("positive_label", "x" * 101),
        ("delay_days", "-1"),
        ("delay_days", "9999999999"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(
    client: Client, deployer: User, deployment: Deployment, api_as: ApiAs, field: str, value: str
) -> None:
    client.force_login(deployer)
    answer = client.post(f"{URL}?deployment={deployment.pk}", {**GIVEN, field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    told = api_as(deployer).put(api_url(deployment), {**GIVEN, field: value}, format="json")
    assert told.status_code == 400
    assert list(told.json()["fields"]) == [field]
    assert not LabelSource.objects.exists()


def test_numbers_have_no_positive_label_and_an_endpoint_without_a_table_no_labels(
    deployer: User, deployment: Deployment, api_as: ApiAs
) -> None:
    put = api_as(deployer).put
    asked = {**GIVEN, "kind": "regression", "positive_label": "1"}
    assert list(put(api_url(deployment), asked, format="json").json()["fields"]) == ["positive_label"]
    deployment.intended = {}
    deployment.save()
    told = put(api_url(deployment), GIVEN, format="json")
    assert (told.status_code, told.json()["code"]) == (409, "no_inference_table")


def test_another_table_is_counted_anew_and_another_delay_is_not(
    deployer: User, deployment: Deployment, counted: list[Request], api_as: ApiAs
) -> None:
    put = api_as(deployer).put
    same = {**GIVEN, "time_column": "known_at", "positive_label": "1", "delay_days": 4}
    assert put(api_url(deployment), same, format="json").status_code == 200
    assert QualityJob.objects.get().finished_at is None
    assert (QualityDay.objects.count(), QualityJob.objects.count()) == (4, 1)
    assert put(api_url(deployment), {**same, "table": "main.risk.other"}, format="json").status_code == 200
    assert (QualityDay.objects.count(), QualityJob.objects.count()) == (0, 0)


def test_only_who_may_deploy_changes_labels(
    client: Client, viewer: User, stranger: User, deployment: Deployment, counted: list[Request], api_as: ApiAs
) -> None:
    remove = reverse("monitoring:quality_remove", args=[deployment.pk])
    for person, status in ((viewer, 403), (stranger, 404)):
        client.force_login(person)
        assert client.post(f"{URL}?deployment={deployment.pk}", GIVEN).status_code == status
        assert client.post(remove).status_code == status
        assert api_as(person).put(api_url(deployment), GIVEN, format="json").status_code == status
        assert api_as(person).delete(api_url(deployment)).status_code == status
    assert client.get(URL).status_code == 404
    client.logout()
    assert client.get(URL).status_code == 302
    assert LabelSource.objects.get().time_column == "known_at"


def test_twenty_days_cost_what_one_costs(
    client: Client, viewer: User, deployment: Deployment, deployer: User, api_as: ApiAs
) -> None:
    end_count(name_labels(deployment, deployer))
    keep(deployment, requests(40, days=1), known=40)
    client.force_login(viewer)
    page_of(client, URL)
    one = queries(client, URL), _queries_of_api(api_as(viewer), deployment)
    QualityDay.objects.all().delete()
    keep(deployment, requests(800, days=20), known=800)
    assert (queries(client, URL), _queries_of_api(api_as(viewer), deployment)) == one


def _queries_of_api(client: APIClient, deployment: Deployment) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(api_url(deployment)).json()["days"]
    return len(captured)
