"""Runs in the workspace: compares predictions with the labels that arrive later, per UTC day and model version.

quality_bundle.py sends it there as bundle.py sends job.py. Spark joins the label of each ``client_request_id`` to the
payloads, ``partial`` counts (through ``mapInArrow``), and only counts are returned. ``wanted`` is {"table", "start",
"end", "columns": {feature: MLflow type}, "endpoint", "entities": {served entity id or name: version}, "labels":
{"table", "id_column", "label_column", "time_column" or "", "kind": "classification" | "regression", "positive"}};
times are ISO 8601 in UTC; table names are quoted for SQL, column names are not.

Classes are compared as text: 1, 1.0, "1" and true are the same class. For a list or an object of numbers, the class is
the index or the name of the largest (the first one of a tie). A number between 0 and 1 is the probability of the
positive label ("1" if none is named), which is predicted from 0.5 on. If the positive label is not a number, 0 and 1
are probabilities too.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sketches.job import NO_TABLE, PARTIAL, UNKNOWN_ENTITY, entities_of, is_there, line, payloads, session
from sketches.payloads import (
    PREDICTION,
    REQUEST_ID,
    ROW,
    SERVED_ENTITY,
    SOURCE_COLUMNS,
    TIME,
    is_number,
    scalar_answer,
    unpack,
)

CLIENT_ID, LABEL, LABELLED_AT, LABELS = "client_request_id", "_label", "_labelled_at", "_labels"
JOINED = ["databricks_request_id", CLIENT_ID, LABEL, LABELLED_AT, LABELS]
SEVERAL_ROWS = "the request has several rows, but a label belongs to one"
SEVERAL_LABELS = "the label table has different labels for the same id"
NO_PREDICTION = "the prediction is neither a class nor a number"
NO_NUMBER = "the label is not a number"
TOO_MANY_CLASSES = "there are too many classes"
POSITIVE, NEGATIVE, OTHER = "1", "0", "other"
HALF = 0.5
CLASS_CHARS = 100
#: Limit for one version and day. More pairs would not fit into the output of a job.
MAX_PAIRS = 2_500
Wanted = Mapping[str, Any]
Day = dict[str, Any]


# -- predictions and classes -----------------------------------------------------------------------


def answer(item: Any) -> Any:
    """The prediction in the model's output for one row. For several numbers, the index or name of the largest."""
    if isinstance(item, Mapping) and len(item) == 1:
        item = next(iter(item.values()))
    named = item.items() if isinstance(item, Mapping) else enumerate(item) if isinstance(item, list) else ()
    scores = list(named)
    if len(scores) < 2 or not all(is_number(score) for _, score in scores):
        return scalar_answer(item)
    # As text, because an index is a class name.
    return str(max(scores, key=lambda pair: pair[1])[0])


def as_class(value: Any) -> str:
    """The normalized text of a class, for comparison."""
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        return POSITIVE if text.lower() == "true" else NEGATIVE
    number = as_number(text)
    if number is not None and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return text[:CLASS_CHARS]


def as_number(value: Any) -> float | None:
    """``value`` as a float; None if it is not a finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def classes_of(prediction: Any, label: Any, positive: str) -> tuple[str, str]:
    """(predicted, actual) of one prediction. ``positive`` is normalized by ``as_class``, or ""."""
    actual = as_class(label)
    chance = _chance(prediction, positive)
    if chance is None:
        return as_class(prediction), actual
    yes = positive or POSITIVE
    no = NEGATIVE if yes == POSITIVE else OTHER
    # A probability distinguishes only the positive label from all others.
    actual = actual if actual == yes or no == NEGATIVE else no
    return (yes if chance >= HALF else no), actual


def _chance(prediction: Any, positive: str) -> float | None:
    """The prediction as a probability; None if it is a class."""
    number = as_number(prediction)
    if number is None or not 0 <= number <= 1:
        return None
    is_word = bool(positive) and as_number(positive) is None
    return number if is_word or 0 < number < 1 else None


# -- counting --------------------------------------------------------------------------------------


def new_day(version: str, day: str) -> Day:
    """Empty counts. ``delay_s`` is the sum of label delays over the ``timed`` labels, which have a time."""
    return {
        "version": version, "day": day, "predictions": 0, "with_id": 0, "labelled": 0, "timed": 0, "delay_s": 0.0,
        "pairs": {}, "error": 0.0, "absolute": 0.0, "squared": 0.0,
    }  # fmt: skip


def added(one: Day, other: Day) -> Day:
    """The sum of two counts of the same version and day."""
    kept = {name: one[name] for name in ("version", "day")}
    pairs: dict[str, int] = dict(Counter(one["pairs"]) + Counter(other["pairs"]))
    sums = {name: one[name] + other[name] for name in one if name not in ("version", "day", "pairs")}
    return {**kept, **sums, "pairs": pairs}


def partial(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """The days of one partition of labelled payloads and its skipped requests, as rows of ``PARTIAL``."""
    days: dict[tuple[str, str], Day] = {}
    skipped: Counter[str] = Counter()
    for batch in batches:
        joined = {row["databricks_request_id"]: row for row in batch.select(JOINED).to_pylist()}
        for rows, reasons in unpack([batch], wanted["columns"], answer):
            skipped.update(reasons)
            _count(
                rows.select([REQUEST_ID, ROW, TIME, SERVED_ENTITY, PREDICTION]).to_pylist(),
                joined,
                wanted,
                days,
                skipped,
            )
    told: list[tuple[str, Any]] = [("day", day) for day in days.values()] + [("skipped", dict(skipped))]
    kinds, values = zip(*told, strict=True)
    yield pa.RecordBatch.from_pydict({"kind": list(kinds), "value": [json.dumps(value) for value in values]})


def _count(
    rows: list[dict[str, Any]],
    joined: Mapping[str, Mapping[str, Any]],
    wanted: Wanted,
    days: dict[tuple[str, str], Day],
    skipped: Counter[str],
) -> None:
    sizes = Counter(row[REQUEST_ID] for row in rows)
    for row in rows:
        version = wanted["entities"].get(row[SERVED_ENTITY])
        if version is None:
            skipped[UNKNOWN_ENTITY] += 1
            continue
        key = (version, row[TIME].astimezone(UTC).date().isoformat())
        day = days.setdefault(key, new_day(*key))
        day["predictions"] += 1
        request = joined[row[REQUEST_ID]]
        day["with_id"] += bool(request[CLIENT_ID])
        reason = _add(day, row, request, sizes[row[REQUEST_ID]], wanted["labels"])
        skipped[reason] += bool(reason)
    del skipped[""]


def _add(day: Day, row: Mapping[str, Any], request: Mapping[str, Any], size: int, labels: Wanted) -> str:
    """Why the prediction was not compared with its label; "" if it was, or if it has no label."""
    if request[CLIENT_ID] and size > 1:
        return SEVERAL_ROWS
    if request[LABEL] is None:
        return ""
    if request[LABELS] > 1:
        return SEVERAL_LABELS
    if row[PREDICTION] is None:
        return NO_PREDICTION
    compare = _compare_numbers if labels["kind"] == "regression" else _compare_classes
    reason = compare(day, row[PREDICTION], request[LABEL], labels)
    if reason:
        return reason
    day["labelled"] += 1
    if request[LABELLED_AT] is not None:
        day["timed"] += 1
        day["delay_s"] += (request[LABELLED_AT].astimezone(UTC) - row[TIME].astimezone(UTC)).total_seconds()
    return ""


def _compare_classes(day: Day, prediction: Any, label: Any, labels: Wanted) -> str:
    positive = as_class(labels["positive"]) if labels.get("positive") else ""
    pair = json.dumps(classes_of(prediction, label, positive))
    if pair not in day["pairs"] and len(day["pairs"]) >= MAX_PAIRS:
        return TOO_MANY_CLASSES
    day["pairs"][pair] = day["pairs"].get(pair, 0) + 1
    return ""


def _compare_numbers(day: Day, prediction: Any, label: Any, labels: Wanted) -> str:
    predicted, actual = as_number(prediction), as_number(label)
    if predicted is None or actual is None:
        return NO_PREDICTION if predicted is None else NO_NUMBER
    error = predicted - actual
    day["error"] += error
    day["absolute"] += abs(error)
    day["squared"] += error * error
    return ""


def collected(parts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The merged report of all partitions: {"days", "skipped"}, days in order of time."""
    days: dict[tuple[str, str], Day] = {}
    skipped: Counter[str] = Counter()
    for kind, text in parts:
        value = json.loads(text)
        if kind == "skipped":
            skipped.update(value)
            continue
        key = (value["day"], value["version"])
        days[key] = added(days[key], value) if key in days else value
    return {"days": [days[key] for key in sorted(days)], "skipped": dict(skipped)}


# -- with Spark ------------------------------------------------------------------------------------


def run(wanted: Wanted, worker: Callable[[Wanted], Callable[..., Any]]) -> dict[str, Any]:
    """``worker`` turns ``wanted`` into a function for mapInArrow. "problem" is set if labels cannot be counted."""
    spark, labels = session(), wanted["labels"]
    if not is_there(spark, labels["table"]):
        return {"problem": "no_labels"}
    named = [labels[name] for name in ("id_column", "label_column", "time_column") if labels[name]]
    # Spark resolves column names regardless of case.
    lower = {name.lower() for name in spark.table(labels["table"]).columns}
    missing = [name for name in named if name.lower() not in lower]
    if missing:
        return {"problem": "no_column", "columns": missing, "has": sorted(lower)[:50]}
    found = {"labels": _of_labels(spark, labels)}
    if not is_there(spark, wanted["table"]):
        return {**found, "days": [], "skipped": {NO_TABLE: 1}}
    known = {**entities_of(spark, wanted), **wanted["entities"]}
    answers = with_labels(spark, wanted).mapInArrow(worker({**wanted, "entities": known}), PARTIAL).collect()
    return {**found, **collected((row["kind"], row["value"]) for row in answers)}


def with_labels(spark: Any, wanted: Wanted) -> Any:
    """Each payload once, with its newest label, the time of that label, and the number of different ones as new."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    asked = payloads(spark, wanted, (*SOURCE_COLUMNS, CLIENT_ID))
    ids = asked.select(f.col(CLIENT_ID).alias("_asked"))
    every = _labels(spark, wanted["labels"]).where(f.col(LABEL).isNotNull() & f.col("_id").isNotNull())
    # A label table may cover many years: restrict it to these requests before finding the newest label.
    rows = every.join(ids, every["_id"] == ids["_asked"], "left_semi")
    newest = rows.groupBy(f.col("_id").alias("_of"), f.col(LABELLED_AT).alias("_at")).agg(
        f.min(LABEL).alias(LABEL), f.countDistinct(LABEL).cast("bigint").alias(LABELS)
    )
    order = Window.partitionBy("_of").orderBy(f.col("_at").desc())
    newest = newest.withColumn("_place", f.row_number().over(order)).where(f.col("_place") == 1)
    joined = asked.join(newest, asked[CLIENT_ID] == newest["_of"], "left")
    columns = [asked[name] for name in (*SOURCE_COLUMNS, CLIENT_ID)]
    return joined.select(*columns, newest[LABEL], newest[LABELS], newest["_at"].alias(LABELLED_AT))


def _labels(spark: Any, labels: Wanted) -> Any:
    """The columns _id, LABEL (text) and LABELLED_AT (null if there is no time column)."""
    from pyspark.sql import functions as f

    table = spark.table(labels["table"])
    named = {name: table[_quoted(labels[name])] for name in ("id_column", "label_column")}
    at = table[_quoted(labels["time_column"])] if labels["time_column"] else f.lit(None)
    return table.select(
        named["id_column"].cast("string").alias("_id"),
        named["label_column"].cast("string").alias(LABEL),
        at.cast("timestamp").alias(LABELLED_AT),
    )


def _quoted(column: str) -> str:
    """Quote the name, because a dot would otherwise select a field of a struct."""
    return f"`{column.replace('`', '``')}`"


def _of_labels(spark: Any, labels: Wanted) -> dict[str, Any]:
    """The number of labels, and the time of the newest one (None if there is no time column)."""
    from pyspark.sql import functions as f

    # As a number: Spark returns timestamps as naive local times of the process.
    newest = f.unix_seconds(f.max(LABELLED_AT)).alias("newest")
    row = _labels(spark, labels).agg(f.count(LABEL).alias("count"), newest).collect()[0]
    at = None if row["newest"] is None else datetime.fromtimestamp(row["newest"], UTC).isoformat()
    return {"count": row["count"], "newest": at}


def main(wanted: Wanted, worker: Callable[[Wanted], Callable[..., Any]]) -> None:
    report = {"at": datetime.now(UTC).isoformat(), **run(wanted, worker)}
    sys.stderr.flush()
    print(line(report), flush=True)
