"""Runs in the workspace: counts the rows of an inference table in the bins of baselines, or makes a baseline.

Sent there by bundle.py together with the files of this folder that it imports. The rows are looked at inside Spark
(``partial``, through ``mapInArrow``); counts alone come back. ``wanted`` is
{"kind": "windows", "table", "start", "end", "width_s", "columns": {feature: MLflow type}, "endpoint",
"entities": {served entity id or name: version}, "baselines": {version: baseline}} or
{"kind": "baseline" | "importance", "source": "traffic" | "table", "table", "table_version", "columns", "max_rows",
"uri", "prediction_column"}; times are ISO 8601 in UTC. Where a table has no column of predictions the version at
``uri`` is asked for them.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sketches.baseline import make_baseline
from sketches.importance import Predict, loaded, measured, predicted
from sketches.payloads import OURS, PREDICTION, SERVED_ENTITY, SOURCE_COLUMNS, TIME, unpack
from sketches.sketch import merge, sketch

MARKER = "SLIPWAY-DRIFT"
PARTIAL = "kind string, value string"
UNKNOWN_ENTITY = "served by an entity that is no known version"
NO_BASELINE = "the version has no baseline"
NO_TABLE = "there is no such table yet, or it may not be read"
# What a run of a job may print is 5 MB.
MAX_PRINTED = 4_000_000
REASON_CHARS = 500
Wanted = Mapping[str, Any]


def partial(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """For one partition of the inference table: its windows and what was skipped, as rows of ``PARTIAL``."""
    windows: dict[tuple[str, int], dict[str, Any]] = {}
    skipped: dict[str, int] = {}
    newest: datetime | None = None
    for rows, reasons in unpack(batches, wanted["columns"]):
        for reason, count in reasons.items():
            skipped[reason] = skipped.get(reason, 0) + count
        last = pc.max(rows.column(TIME)).as_py()
        newest = max(filter(None, (newest, last)), default=None)
        for key, part in _by_window(rows, wanted, skipped):
            found = sketch([part], wanted["baselines"][key[0]])
            before = windows.get(key)
            windows[key] = _window(key, part.num_rows, found) if before is None else _added(before, part, found)
    told: list[tuple[str, Any]] = [("window", window) for window in windows.values()]
    told += [("skipped", skipped), ("newest", newest.isoformat() if newest else None)]
    kinds, values = zip(*told, strict=True)
    yield pa.RecordBatch.from_pydict({"kind": list(kinds), "value": [json.dumps(value) for value in values]})


def _window(key: tuple[str, int], rows: int, found: Any) -> dict[str, Any]:
    return {"version": key[0], "start": key[1], "rows": rows, "sketch": found}


def _added(before: dict[str, Any], part: pa.RecordBatch, found: Any) -> dict[str, Any]:
    return {**before, "rows": before["rows"] + part.num_rows, "sketch": merge(before["sketch"], found)}


def _by_window(
    rows: pa.RecordBatch, wanted: Wanted, skipped: dict[str, int]
) -> Iterator[tuple[tuple[str, int], pa.RecordBatch]]:
    """(version, start in seconds since 1970) and its rows. Counts in ``skipped`` what belongs to none."""
    width_s = int(wanted["width_s"])
    seconds = rows.column(TIME).cast(pa.int64()).to_numpy(zero_copy_only=False) // 1_000_000
    starts = pa.array(seconds - seconds % width_s, pa.int64())
    for start in pc.unique(starts).to_pylist():
        of_start = rows.filter(pc.equal(starts, start))
        for entity in pc.unique(of_start.column(SERVED_ENTITY)).to_pylist():
            part = of_start.filter(pc.equal(of_start.column(SERVED_ENTITY), entity)) if entity else of_start
            version = wanted["entities"].get(entity)
            if version in wanted["baselines"]:
                yield (version, start), part
            else:
                reason = UNKNOWN_ENTITY if version is None else NO_BASELINE
                skipped[reason] = skipped.get(reason, 0) + part.num_rows


def collected(parts: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The report of all partitions together: {"windows", "skipped", "newest"}, windows in the order of time."""
    windows: dict[tuple[str, int], dict[str, Any]] = {}
    skipped: dict[str, int] = {}
    newest: list[str] = []
    for kind, text in parts:
        value = json.loads(text)
        if kind == "window":
            key = (value["version"], value["start"])
            before = windows.get(key)
            if before is not None:
                rows = before["rows"] + value["rows"]
                value = {**value, "rows": rows, "sketch": merge(before["sketch"], value["sketch"])}
            windows[key] = value
        elif kind == "skipped":
            for reason, count in value.items():
                skipped[reason] = skipped.get(reason, 0) + count
        elif value:
            newest.append(value)
    ordered = [windows[key] for key in sorted(windows, key=lambda key: (key[1], key[0]))]
    return {"windows": ordered, "skipped": skipped, "newest": max(newest, default=None)}


def baseline_of_traffic(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> dict[str, Any]:
    """The baseline of the predictions in ``batches``, None without any, and what was skipped."""
    table, skipped = rows_of_traffic(batches, wanted)
    return {"baseline": None if table is None else _limited(table, wanted), "skipped": skipped}


def rows_of_traffic(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> tuple[pa.Table | None, dict[str, int]]:
    """The predictions in ``batches``, None without any, and what was skipped."""
    tables, skipped = [], dict[str, int]()
    for rows, reasons in unpack(batches, wanted["columns"]):
        tables.append(pa.Table.from_batches([rows]))
        for reason, count in reasons.items():
            skipped[reason] = skipped.get(reason, 0) + count
    filled = [table for table in tables if table.num_rows]
    if not filled:
        return None, skipped
    if len({table.schema.field(PREDICTION).type for table in filled}) > 1:
        filled = [_predictions_as_text(table) for table in filled]
    return pa.concat_tables(filled), skipped


def _predictions_as_text(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index(PREDICTION)
    return table.set_column(place, PREDICTION, table.column(PREDICTION).cast(pa.string()))


def _limited(table: pa.Table, wanted: Wanted) -> dict[str, Any]:
    """Bookkeeping is no feature, and what is asked of many columns is kept small."""
    kept = table.slice(0, int(wanted["max_rows"]))
    return make_baseline(kept, exclude=[name for name in OURS if name != PREDICTION])


def baseline_of_table(table: pa.Table, wanted: Wanted, load: Callable[[str], Predict] = loaded) -> dict[str, Any]:
    """The baseline of the columns that the model takes, or of all if it names none, and of its predictions."""
    named, prediction = list(wanted["columns"]), wanted.get("prediction_column") or ""
    chosen = [name for name in named if name in table.column_names] if named else list(table.column_names)
    made = _limited(table.select([name for name in chosen if name != prediction]), wanted)
    absent = {name: "the table of the baseline has no such column" for name in named if name not in chosen}
    found = _predictions(table, prediction, wanted, load)
    if isinstance(found, str):
        return _baseline({**made, "not_comparable": {**made["not_comparable"], **absent, PREDICTION: found}})
    answers = _limited(found, wanted)
    both = {name: {**made[name], **answers[name]} for name in ("features", "sketch", "not_comparable")}
    return _baseline({**made, **both, "not_comparable": {**both["not_comparable"], **absent}})


def _baseline(made: Mapping[str, Any]) -> dict[str, Any]:
    return {"baseline": dict(made), "skipped": {}}


def _predictions(table: pa.Table, column: str, wanted: Wanted, load: Callable[[str], Predict]) -> pa.Table | str:
    """The column PREDICTION, as the table says or else as the version answers to some rows; or why there is none."""
    if column:
        if column not in table.column_names:
            return f"the table of the baseline has no column {column}"
        return pa.table({PREDICTION: table.column(column)})
    found, why = predicted(table, wanted["columns"], lambda: load(wanted["uri"]))
    if found is None:
        return why
    try:
        return pa.table({PREDICTION: pa.array(found)})
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.table({PREDICTION: pa.array([None if value is None else str(value) for value in found])})


# -- with Spark -----------------------------------------------------------------------------------


def run(wanted: Wanted, worker: Callable[[Wanted], Callable[..., Any]]) -> dict[str, Any]:
    """``worker`` makes of ``wanted`` the function for mapInArrow: one that Spark can send to where the rows are."""
    spark = session()
    if not is_there(spark, wanted["table"]):
        # An inference table comes with the first request.
        return {"windows": [], "baseline": None, "skipped": {NO_TABLE: 1}}
    if wanted["kind"] == "windows":
        known = {**entities_of(spark, wanted), **wanted["entities"]}
        answers = payloads(spark, wanted).mapInArrow(worker({**wanted, "entities": known}), PARTIAL).collect()
        return collected((row["kind"], row["value"]) for row in answers)
    table = _chosen(spark, wanted)
    if wanted["kind"] == "importance":
        rows = table if wanted["source"] == "table" else rows_of_traffic(table.to_batches(), wanted)[0]
        return importance_of(rows, wanted)
    if wanted["source"] == "table":
        return baseline_of_table(table, wanted)
    return baseline_of_traffic(table.to_batches(), wanted)


def importance_of(rows: pa.Table | None, wanted: Wanted, load: Callable[[str], Predict] = loaded) -> dict[str, Any]:
    """See importance.py. ``rows`` are those that the baseline was made of, or None if they are gone."""
    if rows is None:
        return {"importance": None, "note": "the rows of the baseline are gone"}
    return measured(rows, wanted["columns"], lambda: load(wanted["uri"]))


def _chosen(spark: Any, wanted: Wanted) -> pa.Table:
    """Rows of a table, or payloads of the first traffic."""
    if wanted["source"] == "traffic":
        return _first(spark, wanted)
    most, version = int(wanted["max_rows"]), wanted.get("table_version")
    if version is not None:
        try:
            return _sample(spark.read.option("versionAsOf", version).table(wanted["table"]), most)
        except Exception as error:
            # What a table was is forgotten after a while: what it is now is nearest to that.
            print(f"version {version} of {wanted['table']} cannot be read: {type(error).__name__}", file=sys.stderr)
    return _sample(spark.table(wanted["table"]), most)


def session() -> Any:
    # On Databricks there is a session already; elsewhere SPARK_REMOTE says where one is.
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def is_there(spark: Any, name: str) -> bool:
    from pyspark.errors import AnalysisException

    try:
        # Names are looked up when the columns are asked for.
        return bool(spark.table(name).columns)
    except AnalysisException:
        return False


def payloads(spark: Any, wanted: Wanted, columns: Sequence[str] = SOURCE_COLUMNS) -> Any:
    """The payloads of [start, end), each once: delivery is at least once."""
    from pyspark.sql import functions as f

    table = spark.table(wanted["table"])
    start, end = (f.lit(wanted[name]).cast("timestamp") for name in ("start", "end"))
    # The table is clustered by the day: without it the whole of it would be read.
    days = [f.lit(wanted[name][:10]).cast("date") for name in ("start", "end")]
    within = table.where((f.col("request_date") >= days[0]) & (f.col("request_date") <= days[1]))
    within = within.where((f.col("request_time") >= start) & (f.col("request_time") < end))
    return within.select(*columns).dropDuplicates(["databricks_request_id"])


def entities_of(spark: Any, wanted: Wanted) -> dict[str, str]:
    """Versions by the ids of served entities, as the workspace lists them; {} where that may not be read."""
    from pyspark.sql import functions as f

    try:
        listed = spark.table("system.serving.served_entities").where(f.col("endpoint_name") == wanted["endpoint"])
        rows = listed.select("served_entity_id", "entity_version").distinct().collect()
    except Exception as error:
        print(f"system.serving.served_entities cannot be read: {type(error).__name__}", file=sys.stderr)
        return {}
    return {str(row[0]): str(row[1]) for row in rows if row[0] and row[1]}


def _first(spark: Any, wanted: Wanted) -> pa.Table:
    """The first payloads of one version, as many as give enough rows: each has at least one."""
    from pyspark.sql import functions as f

    entities = {**entities_of(spark, wanted), **wanted["entities"]}
    ids = [entity for entity, version in entities.items() if version == wanted["version"]]
    table = payloads(spark, wanted).where((f.col("status_code") == 200) & f.col("served_entity_id").isin(ids))
    return table.orderBy("request_time", "databricks_request_id").limit(int(wanted["max_rows"])).toArrow()


def _sample(table: Any, max_rows: int) -> pa.Table:
    rows = table.count()
    if rows > max_rows:
        # A little more than asked for: what is too much is cut off, what is too little cannot be added.
        table = table.sample(fraction=min(1.0, 1.1 * max_rows / rows), seed=7)
    return table.toArrow()


def line(report: Mapping[str, Any]) -> str:
    """The last line of the output. Raises ValueError for a report that is larger than an output may be."""
    text = base64.b64encode(zlib.compress(json.dumps(report, allow_nan=False).encode(), 9)).decode()
    if len(text) > MAX_PRINTED:
        raise ValueError(f"the counts take {len(text)} bytes, more than the output of a job may have")
    return f"\n{MARKER} {text}"


def main(wanted: Wanted, worker: Callable[[Wanted], Callable[..., Any]]) -> None:
    report = {"at": datetime.now(UTC).isoformat(), **run(wanted, worker)}
    sys.stderr.flush()
    print(line(report), flush=True)
