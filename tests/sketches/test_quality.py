"""Predictions beside labels, from payloads in every documented format to the figures, held to scikit-learn's."""

from __future__ import annotations

import json
import random
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    mean_absolute_error,
    precision_score,
    recall_score,
    root_mean_squared_error,
)

from sketches import quality, quality_bundle
from sketches.job import UNKNOWN_ENTITY, line
from sketches.quality_metrics import Confusion, Errors
from tests.monitoring.quality.labelling import DAY, NOON, counted, joined
from tests.sketches.recorded_payloads import FORMATS, payload

ROW = {"amount": 1.0, "country": "DE"}


def asked(predictions: list[Any], style: str = "dataframe_records", **values: Any) -> list[dict[str, Any]]:
    """One request for each prediction, with the ids id-0, id-1 and so on."""
    rows = [payload(f"r{index}", NOON, "card_fraud-3", [ROW], [one], style) for index, one in enumerate(predictions)]
    return [{**row, "client_request_id": f"id-{index}", **values} for index, row in enumerate(rows)]


def labels_of(values: list[Any]) -> dict[str, tuple[Any, Any]]:
    return {f"id-{index}": (value, None) for index, value in enumerate(values) if value is not None}


def pairs_of(report: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {tuple(json.loads(pair)): count for day in report["days"] for pair, count in day["pairs"].items()}


@pytest.mark.parametrize("classes", [("0", "1"), ("a", "b", "c"), ("x",)])
@pytest.mark.parametrize("seed", range(5))
def test_figures_of_classes_are_those_of_scikit_learn(classes: tuple[str, ...], seed: int) -> None:
    source = random.Random(seed)
    size = source.choice([1, 3, 500])
    actual = source.choices(classes, k=size)
    predicted = source.choices([*classes, "never"], k=size)
    found = Confusion.of((one, other, 1) for one, other in zip(predicted, actual, strict=True))
    near: dict[str, Any] = {"abs": 1e-9}
    assert found.accuracy == pytest.approx(accuracy_score(actual, predicted), **near)
    macro: dict[str, Any] = {"average": "macro", "zero_division": 0}
    assert found.macro_precision == pytest.approx(precision_score(actual, predicted, **macro), **near)
    assert found.macro_recall == pytest.approx(recall_score(actual, predicted, **macro), **near)
    assert found.macro_f1 == pytest.approx(f1_score(actual, predicted, **macro), **near)
    for name in found.classes:
        one: dict[str, Any] = {"labels": [name], "average": None, "zero_division": float("nan")}
        for ours, theirs in (
            (found.precision(name), precision_score(actual, predicted, **one)[0]),
            (found.recall(name), recall_score(actual, predicted, **one)[0]),
            (found.f1(name), f1_score(actual, predicted, **one)[0]),
        ):
            assert (float("nan") if ours is None else ours) == pytest.approx(theirs, nan_ok=True, **near)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_figures_of_numbers_are_those_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    predictions, labels = [one for one, _ in pairs], [other for _, other in pairs]
    (day,) = counted([joined(asked(predictions), labels_of(labels))], kind="regression", positive="")["days"]
    found = Errors(day["labelled"], day["error"], day["absolute"], day["squared"])
    assert found.labelled == len(pairs)
    assert found.mae == pytest.approx(mean_absolute_error(labels, predictions), rel=1e-9, abs=1e-9)
    assert found.rmse == pytest.approx(root_mean_squared_error(labels, predictions), rel=1e-9, abs=1e-9)
    assert found.bias == pytest.approx(sum(a - b for a, b in pairs) / len(pairs), rel=1e-9, abs=1e-6)


def test_without_labels_nothing_is_known() -> None:
    none = Confusion({})
    assert (none.accuracy, none.macro_f1, none.precision("1"), none.recall("1"), none.f1("1")) == (None,) * 5
    errors = Errors(0, 0.0, 0.0, 0.0)
    assert (errors.mae, errors.rmse, errors.bias) == (None, None, None)


@pytest.mark.parametrize("style", FORMATS)
def test_every_documented_format_is_counted(style: str) -> None:
    report = counted([joined(asked([1, 0, 1], style), labels_of([1, 1, None]))])
    (day,) = report["days"]
    assert (day["predictions"], day["with_id"], day["labelled"]) == (3, 3, 2)
    assert pairs_of(report) == {("1", "1"): 1, ("0", "1"): 1}
    assert report["skipped"] == {}


@pytest.mark.parametrize(
    ("prediction", "label", "positive", "pair"),
    [
        (1, "1.0", "", ("1", "1")),
        (True, "true", "", ("1", "1")),
        ("no", "yes", "yes", ("no", "yes")),
        (0.5, "1", "", ("1", "1")),
        (0.49, "1", "", ("0", "1")),
        (0.7, "2", "1", ("1", "2")),
        (0.7, "fraud", "fraud", ("fraud", "fraud")),
        (0.2, "legit", "fraud", ("other", "other")),
        (1.0, "legit", "fraud", ("fraud", "other")),
        ([0.1, 0.7, 0.2], "1", "", ("1", "1")),
        ([0.4, 0.4], "0", "", ("0", "0")),
        ({"cat": 0.2, "dog": 0.8}, "dog", "", ("dog", "dog")),
        ({"prediction": [0.9, 0.1]}, "1", "", ("0", "1")),
        ([3], "3", "", ("3", "3")),
        ("  ÖÜ ", "ÖÜ", "", ("ÖÜ", "ÖÜ")),
    ],
)
def test_answers_become_classes_by_the_documented_rule(
    prediction: Any, label: str, positive: str, pair: tuple[str, str]
) -> None:
    report = counted([joined(asked([prediction]), labels_of([label]))], positive=positive)
    assert pairs_of(report) == {pair: 1}


def test_what_cannot_be_compared_is_counted_by_its_reason() -> None:
    made = asked([1, None, [None, 2], 1])
    two = payload("r-two", NOON, "card_fraud-3", [ROW, ROW], [1, 0], "dataframe_records")
    refused = {**asked([1])[0], "databricks_request_id": "r-refused", "status_code": 400}
    stranger = {**made[0], "databricks_request_id": "r-stranger", "served_entity_id": "somebody"}
    made += [{**two, "client_request_id": "id-9"}, refused, stranger]
    batch = joined(made, {**labels_of([1, 1, 1, None]), "id-9": (1, None)})
    report = counted([batch])
    (day,) = report["days"]
    assert (day["predictions"], day["labelled"]) == (6, 1)
    assert report["skipped"] == {
        quality.NO_PREDICTION: 2,
        quality.SEVERAL_ROWS: 2,
        UNKNOWN_ENTITY: 1,
        "the status was not 200": 1,
    }
    words = counted([joined(asked([1.5, 2.5]), labels_of(["much", "nan"]))], kind="regression")
    assert words["skipped"] == {quality.NO_NUMBER: 2}


def test_labels_that_are_no_classes_are_not_kept_without_end() -> None:
    size = quality.MAX_PAIRS + 10
    report = counted([joined(asked([1] * size), labels_of([f"text {index}" for index in range(size)]))])
    assert report["skipped"] == {quality.TOO_MANY_CLASSES: 10}
    assert report["days"][0]["labelled"] == quality.MAX_PAIRS


def test_days_are_of_utc_and_partitions_add_up() -> None:
    midnight = NOON.replace(hour=0)
    made = [
        {**row, "request_time": midnight + timedelta(seconds=index - 2)}
        for index, row in enumerate(asked([1, 1, 1, 0]))
    ]
    known = {name: (value, NOON) for name, (value, _) in labels_of([1, 0, 1, 1]).items()}
    one = counted([joined(made, known)])
    other = counted([joined(made[:3], known), joined(made[3:], known), joined([], {})])
    assert one == other
    assert [(day["day"], day["predictions"], day["labelled"]) for day in one["days"]] == [
        ("2026-11-19", 2, 2),
        ("2026-11-20", 2, 2),
    ]
    assert one["days"][1]["timed"] == 2
    assert one["days"][1]["delay_s"] == pytest.approx((DAY / 2).total_seconds() * 2 - 1)


def test_the_portal_reads_what_the_job_prints() -> None:
    report = counted([joined(asked([1, 0]), labels_of([1, 1]))])
    labels = {"count": 2, "newest": NOON.isoformat()}
    found = quality_bundle.read(f"a line before{line({**report, 'labels': labels})}")
    assert found is not None
    assert (found.labels, found.newest_label, found.problem) == (2, NOON.astimezone(UTC), "")
    (day,) = found.days
    assert (day.version, day.day, day.predictions, day.labelled) == ("3", NOON.date(), 2, 2)
    assert day.pairs == [("0", "1", 1), ("1", "1", 1)]
    for output in ("", "SLIPWAY-DRIFT nonsense", line({"days": [], "skipped": {}}), line({**report, "labels": 3})):
        assert quality_bundle.read(output) is None


def test_the_file_that_is_sent_runs_by_itself() -> None:
    names: dict[str, Any] = {"__name__": "sent"}
    wanted = {"columns": {}, "entities": {"card_fraud-3": "3"}, "labels": {"kind": "classification", "positive": ""}}
    text = quality_bundle.script(wanted)
    assert text == quality_bundle.script(wanted)
    assert b"integrations" not in text
    exec(compile(text, "job.py", "exec"), names)  # noqa: S102  # what the workspace does with it
    job = names["load"](names["PACKAGE"], names["SOURCES"])
    parts = list(names["worker"](wanted)([joined(asked([1]), labels_of([1]))]))
    assert job.collected((row["kind"], row["value"]) for part in parts for row in part.to_pylist())["days"]
