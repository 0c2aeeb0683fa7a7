"""The tab Drift and its API: the same figures, and only for those who may see and change them."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from catalog.models import ModelVersion
from deployments.models import Deployment
from monitoring.drift.charts import History, against_importance
from monitoring.models import Baseline, DriftJob, DriftWindow, FeatureSetting
from sketches.judgement import Rules
from sketches.payloads import PREDICTION
from tests.deployments.conftest import make_deployment
from tests.deployments.page_text import HTMX, page_of, queries
from tests.monitoring.drift.drifting import FakeWorkspace, Traffic, give_table, normal, settle, shifted
from web.ranges import TimeRange

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
URL = reverse("monitoring:drift", args=["staging.fraud.card_fraud"])
ApiAs = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def _at_eleven(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("drift.views", "watched.views", "drift.api"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", SimpleNamespace(now=lambda: NINE + 2 * HOUR))
    monkeypatch.setattr("web.ranges.timezone", SimpleNamespace(now=lambda: NINE + 2 * HOUR))


@pytest.fixture
def plain(model_version: ModelVersion, deployer: User) -> Deployment:
    deployment = make_deployment(model_version, deployer, "card-fraud")
    Deployment.objects.filter(pk=deployment.pk).update(created_at=NINE)
    deployment.refresh_from_db()
    return deployment


@pytest.fixture
def counted(plain: Deployment, tmp_path: Path) -> Deployment:
    """An hour of normal traffic, then one with ``amount`` and ``country`` shifted."""
    give_table(plain)
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    settle(plain, FakeWorkspace(traffic.path), NINE + HOUR)
    traffic.send(1000, NINE + HOUR, shifted)
    settle(plain, FakeWorkspace(traffic.path), NINE + 2 * HOUR)
    return plain


def api_url(deployment: Deployment, rest: str = "") -> str:
    return f"/api/v1/deployments/{deployment.pk}/drift/{rest}"


def test_page_csv_and_api_say_the_same(client: Client, viewer: User, counted: Deployment, api_as: ApiAs) -> None:
    client.force_login(viewer)
    page = page_of(client, URL)
    for text in ("2 of 7 features drift", "The model drifts when a critical feature drifts", "card-fraud in"):
        assert text in page, text
    found = api_as(viewer).get(api_url(counted)).json()
    assert {row["feature"] for row in found["features"] if row["status"] == "drift"} == {"amount", "country"}
    assert (found["standing"], found["window"]["rows"]) == ("at_risk", 1000)
    table = list(csv.DictReader(io.StringIO(page_of(client, f"{URL}?format=csv"))))
    assert len(table) == len(found["features"]) == 9
    for line, row in zip(table, found["features"], strict=True):
        assert line["feature"] == ("Prediction" if row["feature"] == PREDICTION else row["feature"])
        assert line["status"] == row["status"]
        assert (float(line["value"]) if line["value"] else None) == row["value"]
        assert html.escape(row["reason"]) in page


def test_of_5000_normal_and_5000_shifted_requests_page_and_api_name_the_two_features(
    client: Client, viewer: User, plain: Deployment, tmp_path: Path, api_as: ApiAs
) -> None:
    give_table(plain)
    traffic = Traffic(tmp_path / "table")
    client.force_login(viewer)
    told = []
    for hours, make in enumerate((normal, shifted), start=1):
        traffic.send(5000, NINE + (hours - 1) * HOUR, make)
        settle(plain, FakeWorkspace(traffic.path), NINE + hours * HOUR)
        view = client.get(URL).context["view"]
        found = api_as(viewer).get(api_url(plain)).json()
        assert found["window"]["rows"] == view.judged.span.rows == 5000
        assert [(row.name, row.status, row.found.value) for row in view.rows] == [
            (row["feature"], row["status"], row["value"]) for row in found["features"]
        ]
        told.append({row.name for row in view.rows if row.status == "drift"})
    assert told == [set(), {"amount", "country"}]


def test_a_range_is_judged_as_one_window(client: Client, viewer: User, counted: Deployment, api_as: ApiAs) -> None:
    found = api_as(viewer).get(api_url(counted), {"range": "24h"}).json()
    assert found["window"]["rows"] == 2000
    client.force_login(viewer)
    assert "2000" in page_of(client, f"{URL}?range=24h&window=range")
    assert api_as(viewer).get(api_url(counted), {"range": "nonsense"}).status_code == 400


def test_one_feature_comes_with_its_course_and_its_distribution(
    client: Client, viewer: User, counted: Deployment, api_as: ApiAs
) -> None:
    found = api_as(viewer).get(api_url(counted), {"feature": "country"}).json()
    assert [row["feature"] for row in found["features"]] == ["country"]
    course, distribution = found["charts"][:2]
    assert [point[1] is not None for point in course["series"][0]["data"]] == [True, True]
    assert course["series"][0]["data"][-1][1] == found["features"][0]["value"]
    sides = {one["name"]: dict(one["data"]) for one in distribution["series"]}
    assert sides["Baseline"]["FR"] > 20
    assert sides["This window"]["FR"] == 0
    assert sides["This window"]["others"] > 40
    client.force_login(viewer)
    page = page_of(client, f"{URL}?feature=country")
    assert "Distribution of country" in page
    assert "Drift of country over time" in page
    assert api_as(viewer).get(api_url(counted), {"feature": "unheard"}).status_code == 400


def test_every_feature_can_be_looked_at(client: Client, viewer: User, counted: Deployment) -> None:
    client.force_login(viewer)
    for name in ("amount", "since", "constant", "empty", "is_new", PREDICTION, "unheard", "\x00"):
        page_of(client, URL, data={"feature": name})
    for query in ("ordering=-value", "ordering=nonsense", "status=drift", "q=amo", "page=99", "range=x"):
        page_of(client, f"{URL}?{query}")


def test_the_tiles_add_up(client: Client, viewer: User, counted: Deployment) -> None:
    client.force_login(viewer)
    tiles = client.get(URL).context["tiles"]
    assert tiles[0]["count"] == sum(tile["count"] for tile in tiles[1:]) == 9


def test_another_baseline_is_marked_where_it_comes_in(
    client: Client, viewer: User, counted: Deployment, api_as: ApiAs
) -> None:
    old = Baseline.objects.get()
    version = ModelVersion.objects.create(model=counted.model, version=4, status="READY")
    new = Baseline.objects.create(
        version=version, source="table", detail="x", data=old.data, rows=old.rows, created_at=NINE
    )
    DriftWindow.objects.filter(start=NINE + HOUR).update(version=version, baseline=new)
    counted.served = [{"name": "card_fraud-4", "entity_name": "x", "entity_version": "4", "traffic": 100}]
    counted.save()
    found = api_as(viewer).get(api_url(counted), {"feature": "amount"}).json()
    assert found["charts"][0]["markers"] == [{"at": (NINE + HOUR).isoformat(), "label": "baseline of version 4"}]


# -- what people say ------------------------------------------------------------------------------


def say(client: Client, deployment: Deployment, **fields: str) -> Any:
    return client.post(reverse("monitoring:drift_feature", args=[deployment.pk]), fields)


def test_a_deployer_excludes_a_feature_on_the_page_and_the_audit_trail_knows(
    client: Client, deployer: User, counted: Deployment
) -> None:
    client.force_login(deployer)
    answer = say(client, counted, feature_name="amount", excluded="yes", query="range=24h")
    assert (answer.status_code, answer["Location"]) == (302, f"{URL}?range=24h")
    assert "1 of 6 features drift" in page_of(client, URL)
    entry = LogEntry.objects.get_for_model(FeatureSetting).get()
    assert entry.actor == deployer
    say(client, counted, feature_name="amount", excluded="no")
    assert "2 of 7 features drift" in page_of(client, URL)


def test_a_threshold_is_set_and_taken_back(client: Client, deployer: User, counted: Deployment) -> None:
    client.force_login(deployer)
    say(client, counted, feature_name="amount", threshold="900")
    assert FeatureSetting.objects.get().threshold == 900
    assert "1 of 7 features drift" in page_of(client, URL)
    say(client, counted, feature_name="amount", threshold="")
    assert FeatureSetting.objects.get().threshold is None
    for wrong in ("0", "-1", "nan", "1e400", "much"):
        answer = client.post(
            reverse("monitoring:drift_feature", args=[counted.pk]),
            {"feature_name": "amount", "threshold": wrong},
            headers=HTMX,
        )
        assert answer["HX-Redirect"].startswith(URL)
    assert FeatureSetting.objects.get().threshold is None


def test_the_api_changes_what_the_page_changes(deployer: User, counted: Deployment, api_as: ApiAs) -> None:
    api = api_as(deployer)
    answer = api.post(api_url(counted, "features/"), {"feature": "amount", "critical": True}, format="json")
    assert answer.json()["standing"] == "failing"
    answer = api.post(api_url(counted, "features/"), {"feature": "amount", "critical": None}, format="json")
    assert answer.json()["standing"] == "at_risk"
    assert api.post(api_url(counted, "features/"), {"feature": "x"}, format="json").status_code == 400
    assert (
        api.post(api_url(counted, "features/"), {"feature": "amount", "threshold": 0}, format="json").status_code == 400
    )


def test_who_may_not_deploy_changes_nothing_and_sees_no_switch(
    client: Client, viewer: User, stranger: User, counted: Deployment, api_as: ApiAs
) -> None:
    client.force_login(viewer)
    assert say(client, counted, feature_name="amount", excluded="yes").status_code == 403
    page = page_of(client, URL)
    assert 'name="excluded"' not in page
    assert 'name="table"' not in page
    assert client.post(reverse("monitoring:drift_baseline", args=[counted.pk]), BASELINE).status_code == 403
    assert api_as(viewer).post(api_url(counted, "features/"), {"feature": "amount"}, format="json").status_code == 403
    client.force_login(stranger)
    assert client.get(URL).status_code == 404
    assert say(client, counted, feature_name="amount", excluded="yes").status_code == 404
    assert api_as(stranger).get(api_url(counted)).status_code == 404
    assert not FeatureSetting.objects.exists()


BASELINE = {"version": "3", "source": "table", "table": "staging.fraud.training", "prediction_column": "score"}


def test_the_page_asks_for_rows_of_the_version_that_it_judges(
    client: Client, deployer: User, counted: Deployment
) -> None:
    client.force_login(deployer)
    shown = client.get(f"{URL}?feature=country").context
    assert (shown["version"], shown["load_url"].endswith("&version=3")) == (3, True)
    assert "entity_version = '3'" in shown["query"]


def test_a_baseline_is_chosen_on_the_page_and_over_the_api(
    client: Client, deployer: User, counted: Deployment, api_as: ApiAs
) -> None:
    client.force_login(deployer)
    client.post(reverse("monitoring:drift_baseline", args=[counted.pk]), BASELINE)
    wanted = DriftJob.objects.get().wanted
    assert wanted == {"kind": "baseline", **BASELINE}
    assert "A new baseline is requested" in page_of(client, URL)
    DriftJob.objects.update(wanted={})
    answer = api_as(deployer).post(api_url(counted, "baseline/"), BASELINE, format="json")
    assert (answer.status_code, answer.json()["wanted"]) == (202, wanted)
    for wrong in ({"table": "nonsense"}, {"version": "99"}, {"source": "training"}, {"version": "x"}):
        answer = api_as(deployer).post(api_url(counted, "baseline/"), {**BASELINE, **wrong}, format="json")
        assert answer.status_code == 400, wrong
        client.post(reverse("monitoring:drift_baseline", args=[counted.pk]), {**BASELINE, **wrong})
    assert DriftJob.objects.get().wanted == wanted


# -- what is missing ------------------------------------------------------------------------------


def test_what_is_missing_is_said_with_what_to_do(client: Client, deployer: User, plain: Deployment) -> None:
    client.force_login(deployer)
    assert "Inference table is off" in page_of(client, URL)
    give_table(plain)
    page = page_of(client, URL)
    assert "Choose a baseline for version 3" in page
    job = DriftJob.objects.create(deployment=plain, message="version 3 has predicted 120 rows so far")
    assert "Version 3 has predicted 120 rows so far" in page_of(client, URL)
    DriftJob.objects.filter(pk=job.pk).update(status="failed", message="no such table")
    assert "The last count failed" in page_of(client, URL)
    Deployment.objects.update(served=[])
    assert "No version receives traffic" in page_of(client, URL)
    Deployment.objects.update(destroyed_at=NINE)
    assert "Not deployed" in page_of(client, URL)


def test_a_quiet_endpoint_says_when_it_was_asked_last(
    client: Client, viewer: User, counted: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = SimpleNamespace(now=lambda: NINE + timedelta(days=20))
    for module in ("drift.views", "watched.views"):
        monkeypatch.setattr(f"monitoring.{module}.timezone", later)
    client.force_login(viewer)
    page = page_of(client, URL)
    assert "Last request:" in page
    assert "Unknown" in page


def test_more_windows_and_features_cost_no_more_queries(client: Client, viewer: User, counted: Deployment) -> None:
    client.force_login(viewer)
    page_of(client, URL)
    few = queries(client, URL)
    last = DriftWindow.objects.latest("start")
    for hours in range(20):
        last.pk, last.start = None, NINE - timedelta(hours=hours + 1)
        last.save()
    assert queries(client, URL) == few


def test_windows_with_few_predictions_are_added_up_to_points_that_can_be_judged(
    plain: Deployment, tmp_path: Path
) -> None:
    give_table(plain)
    traffic = Traffic(tmp_path / "table")
    traffic.send(1000, NINE, normal)
    for hours in range(1, 25):
        traffic.send(40, NINE + hours * HOUR, normal)
    settle(plain, FakeWorkspace(traffic.path), NINE + 25 * HOUR)
    shown = TimeRange("24h", NINE + HOUR, NINE + 25 * HOUR)
    history = History.of(plain, Rules(), shown)
    # Of 120 predictions in 21 bins chance alone makes a PSI above the threshold; 480 are enough.
    assert history.width == 12 * HOUR
    values = [value for _, value in history.values("amount")]
    assert sum(value is not None for value in values) > len(values) / 2


def test_the_picture_of_importance_says_why_it_is_empty() -> None:
    made = Baseline()
    for baseline in (None, made):
        assert against_importance([], baseline).empty == (
            "The importance of features for this version is measured by a job, once for each baseline."
        )
    made.importance_note = "no rows"
    assert against_importance([], made).empty == "The importance of features for this version is unknown: no rows."
    made.importance = {"amount": 1.0}
    assert against_importance([[1.0, None, "amount"]], made).empty == "No feature has enough predictions."
