"""Runs in the workspace: counts the rows of an inference table in the bins of baselines, or makes a baseline.

bundle.py sends it there together with the files of this folder that it imports. Spark processes the rows (``partial``,
through ``mapInArrow``) and returns only counts. ``wanted`` is
{"kind": "windows", "table", "start", "end", "width_s", "columns": {feature: MLflow type}, "endpoint",
"entities": {served entity id or name: version}, "baselines": {version: baseline}} or
{"kind": "baseline" | "importance", "source": "traffic" | "table", "table", "table_version", "columns", "max_rows",
"uri", "prediction_column"}; times are ISO 8601 in UTC. If a table has no column of predictions, the version at ``uri``
predicts its rows.
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
UNKNOWN_ENTITY = "served by an entity that is not a known version"
NO_BASELINE = "the version has no baseline"
NO_TABLE = "the table does not exist yet or cannot be read"
#: Databricks limits the output of a job run to 5 MB.
MAX_PRINTED = 4_000_000
REASON_CHARS = 500
Wanted = Mapping[str, Any]


def partial(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> Iterator[pa.RecordBatch]:
    """The windows of one partition of the inference table and its skipped requests, as rows of ``PARTIAL``."""
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
            if window := windows.get(key):
                window["rows"] += part.num_rows
                window["sketch"] = merge(window["sketch"], found)
            else:
                windows[key] = {"version": key[0], "start": key[1], "rows": part.num_rows, "sketch": found}
    told: list[tuple[str, Any]] = [("window", window) for window in windows.values()]
    told += [("skipped", skipped), ("newest", newest.isoformat() if newest else None)]
    kinds, values = zip(*told, strict=True)
    yield pa.RecordBatch.from_pydict({"kind": list(kinds), "value": [json.dumps(value) for value in values]})


def _by_window(
    rows: pa.RecordBatch, wanted: Wanted, skipped: dict[str, int]
) -> Iterator[tuple[tuple[str, int], pa.RecordBatch]]:
    """((version, start in seconds since 1970), rows). Counts rows without a baseline in ``skipped``."""
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
    """The merged report of all partitions: {"windows", "skipped", "newest"}, windows in order of time."""
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
    """{"baseline": of the predictions in ``batches`` or None if there are none, "skipped": {reason: requests}}."""
    table, skipped = rows_of_traffic(batches, wanted)
    return {"baseline": None if table is None else _limited(table, wanted), "skipped": skipped}


def rows_of_traffic(batches: Iterable[pa.RecordBatch], wanted: Wanted) -> tuple[pa.Table | None, dict[str, int]]:
    """(the predictions in ``batches`` or None if there are none, {reason: skipped requests})."""
    tables, skipped = [], dict[str, int]()
    for rows, reasons in unpack(batches, wanted["columns"]):
        tables.append(pa.Table.from_batches([rows]))
        for reason, count in reasons.items():
            skipped[reason] = skipped.get(reason, 0) + count
    filled = [table for table in tables if table.num_rows]
    if not filled:
        return None, skipped
    if len({table.schema.field(PREDICTION).type for table in filled}) > 1:
        # Predictions of different types become text.
        filled = [
            table.set_column(
                table.schema.get_field_index(PREDICTION), PREDICTION, table.column(PREDICTION).cast(pa.string())
            )
            for table in filled
        ]
    return pa.concat_tables(filled), skipped


def _limited(table: pa.Table, wanted: Wanted) -> dict[str, Any]:
    """The baseline of at most ``max_rows`` rows, without our bookkeeping columns."""
    kept = table.slice(0, int(wanted["max_rows"]))
    return make_baseline(kept, exclude=[name for name in OURS if name != PREDICTION])


def baseline_of_table(table: pa.Table, wanted: Wanted, load: Callable[[str], Predict] = loaded) -> dict[str, Any]:
    """The baseline of the predictions and of the model's input columns, or of all columns if it names none."""
    named, prediction = list(wanted["columns"]), wanted.get("prediction_column") or ""
    chosen = [name for name in named if name in table.column_names] if named else list(table.column_names)
    made = _limited(table.select([name for name in chosen if name != prediction]), wanted)
    absent = {name: "the baseline table does not have this column" for name in named if name not in chosen}
    found = _predictions(table, prediction, wanted, load)
    if isinstance(found, str):
        return _baseline({**made, "not_comparable": {**made["not_comparable"], **absent, PREDICTION: found}})
    answers = _limited(found, wanted)
    both = {name: {**made[name], **answers[name]} for name in ("features", "sketch", "not_comparable")}
    return _baseline({**made, **both, "not_comparable": {**both["not_comparable"], **absent}})


def _baseline(made: Mapping[str, Any]) -> dict[str, Any]:
    return {"baseline": dict(made), "skipped": {}}


def _predictions(table: pa.Table, column: str, wanted: Wanted, load: Callable[[str], Predict]) -> pa.Table | str:
    """A table with the column PREDICTION, from the table or predicted by the version; or why there is none."""
    if column:
        if column not in table.column_names:
            return f"the baseline table does not have the column {column}"
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
    """``worker`` turns ``wanted`` into a function for mapInArrow that Spark can send to its executors."""
    spark = session()
    if not is_there(spark, wanted["table"]):
        # Databricks creates an inference table with the first request.
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
    """See importance.py. ``rows`` are those of the baseline, or None if they no longer exist."""
    if rows is None:
        return {"importance": None, "note": "the rows of the baseline no longer exist"}
    return measured(rows, wanted["columns"], lambda: load(wanted["uri"]))


def _chosen(spark: Any, wanted: Wanted) -> pa.Table:
    """The rows of a table, or the payloads of the first traffic."""
    if wanted["source"] == "traffic":
        return _first(spark, wanted)
    most, version = int(wanted["max_rows"]), wanted.get("table_version")
    if version is not None:
        try:
            return _sample(spark.read.option("versionAsOf", version).table(wanted["table"]), most)
        except Exception as error:
            # Delta deletes old versions of a table after a while: fall back to the current one.
            print(f"version {version} of {wanted['table']} cannot be read: {type(error).__name__}", file=sys.stderr)
    return _sample(spark.table(wanted["table"]), most)


def session() -> Any:
    # On Databricks a session exists already; elsewhere SPARK_REMOTE is its address.
    from pyspark.sql import SparkSession

    return SparkSession.builder.getOrCreate()


def is_there(spark: Any, name: str) -> bool:
    from pyspark.errors import AnalysisException

    try:
        # Spark resolves the name only when the columns are read.
        return bool(spark.table(name).columns)
    except AnalysisException:
        return False


def payloads(spark: Any, wanted: Wanted, columns: Sequence[str] = SOURCE_COLUMNS) -> Any:
    """The payloads of [start, end) without duplicates: delivery is at least once."""
    from pyspark.sql import functions as f

    table = spark.table(wanted["table"])
    start, end = (f.lit(wanted[name]).cast("timestamp") for name in ("start", "end"))
    # The table is clustered by request_date: without this filter Spark would read all of it.
    days = [f.lit(wanted[name][:10]).cast("date") for name in ("start", "end")]
    within = table.where((f.col("request_date") >= days[0]) & (f.col("request_date") <= days[1]))
    within = within.where((f.col("request_time") >= start) & (f.col("request_time") < end))
    return within.select(*columns).dropDuplicates(["databricks_request_id"])


def entities_of(spark: Any, wanted: Wanted) -> dict[str, str]:
    """{served entity id: version} from the system table; {} if it cannot be read."""
    from pyspark.sql import functions as f

    try:
        listed = spark.table("system.serving.served_entities").where(f.col("endpoint_name") == wanted["endpoint"])
        rows = listed.select("served_entity_id", "entity_version").distinct().collect()
    except Exception as error:
        print(f"system.serving.served_entities cannot be read: {type(error).__name__}", file=sys.stderr)
        return {}
    return {str(row[0]): str(row[1]) for row in rows if row[0] and row[1]}


def _first(spark: Any, wanted: Wanted) -> pa.Table:
    """The first ``max_rows`` payloads of one version: enough, as each has at least one row."""
    from pyspark.sql import functions as f

    entities = {**entities_of(spark, wanted), **wanted["entities"]}
    ids = [entity for entity, version in entities.items() if version == wanted["version"]]
    table = payloads(spark, wanted).where((f.col("status_code") == 200) & f.col("served_entity_id").isin(ids))
    return table.orderBy("request_time", "databricks_request_id").limit(int(wanted["max_rows"])).toArrow()


def _sample(table: Any, max_rows: int) -> pa.Table:
    rows = table.count()
    if rows > max_rows:
        # Sample 10 % more than needed: a surplus is cut off later, but a shortage cannot be filled.
        table = table.sample(fraction=min(1.0, 1.1 * max_rows / rows), seed=7)
    return table.toArrow()


def line(report: Mapping[str, Any]) -> str:
    """The last line of the output. Raises ValueError if the report is too large for the output of a job."""
    text = base64.b64encode(zlib.compress(json.dumps(report, allow_nan=False).encode(), 9)).decode()
    if len(text) > MAX_PRINTED:
        raise ValueError(f"the counts take {len(text)} bytes; the limit for the output of a job is {MAX_PRINTED}")
    return f"\n{MARKER} {text}"


def main(wanted: Wanted, worker: Callable[[Wanted], Callable[..., Any]]) -> None:
    report = {"at": datetime.now(UTC).isoformat(), **run(wanted, worker)}
    sys.stderr.flush()
    print(line(report), flush=True)
