"""The drift job: run as the workspace runs it, on a real Delta table in a real Spark engine, and its parts by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sketches import bundle, job
from sketches.baseline import make_baseline
from sketches.payloads import PREDICTION
from tests.sketches.recorded_payloads import FORMATS, SCHEMA, payload, write

NINE = datetime(2026, 11, 20, 9, tzinfo=UTC)
COLUMNS = {"amount": "double", "age": "long", "country": "string"}


def rows(count: int, seed: int, amount: float = 50.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return [
        {
            "amount": float(rng.normal(amount, 10)),
            "age": int(rng.integers(18, 90)),
            "country": str(rng.choice(["DE", "FR"])),
        }
        for _ in range(count)
    ]


def predicted(found: list[dict[str, Any]]) -> list[float]:
    return [row["amount"] / 100 for row in found]


def payloads(count: int, at: datetime, entity: str, seed: int, amount: float = 50.0) -> list[dict[str, Any]]:
    """``count`` requests of two rows each, a second apart, the formats in turn."""
    made = []
    for index in range(count):
        two = rows(2, seed * 100_000 + index, amount)
        when = at + timedelta(seconds=index)
        made.append(payload(f"{entity}-{seed}-{index}", when, entity, two, predicted(two), FORMATS[index % 4]))
    return made


def batches(found: list[dict[str, Any]], size: int = 64) -> list[pa.RecordBatch]:
    table: pa.Table = pa.Table.from_pylist(found, schema=SCHEMA)
    return list(table.to_batches(max_chunksize=size))


@pytest.fixture(scope="module")
def baseline() -> dict[str, Any]:
    found = rows(2000, 1)
    table = pa.Table.from_pylist(found).append_column(PREDICTION, pa.array(predicted(found)))
    return make_baseline(table)


def wanted(baseline: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "kind": "windows",
        "table": "staging.fraud.card_fraud_payload",
        "endpoint": "card-fraud",
        "start": NINE.isoformat(),
        "end": (NINE + timedelta(hours=3)).isoformat(),
        "width_s": 3600,
        "columns": COLUMNS,
        "entities": {"card_fraud-3": "3", "card_fraud-4": "4"},
        "baselines": {"3": {"features": baseline["features"]}, "4": {"features": baseline["features"]}},
        **values,
    }


def counted(parts: Iterator[pa.RecordBatch]) -> dict[str, Any]:
    return job.collected((row["kind"], row["value"]) for part in parts for row in part.to_pylist())


def test_rows_are_counted_by_version_and_hour_whatever_the_format(baseline: dict[str, Any]) -> None:
    made = payloads(40, NINE, "card_fraud-3", 1) + payloads(
        30, NINE + timedelta(minutes=59, seconds=50), "card_fraud-4", 2
    )
    report = counted(job.partial(batches(made), wanted(baseline)))
    got = [(window["version"], window["start"], window["rows"]) for window in report["windows"]]
    start = int(NINE.timestamp())
    assert got == [("3", start, 80), ("4", start, 20), ("4", start + 3600, 40)]
    assert {entry["rows"] for entry in report["windows"][0]["sketch"].values()} == {80}
    assert report["newest"] == (NINE + timedelta(hours=1, seconds=19)).isoformat()


def test_any_cut_into_partitions_gives_the_same_counts(baseline: dict[str, Any]) -> None:
    made = payloads(100, NINE, "card_fraud-3", 3)
    whole = counted(job.partial(batches(made), wanted(baseline)))
    parts = (
        part
        for start in range(0, 100, 30)
        for part in job.partial(batches(made[start : start + 30], 7), wanted(baseline))
    )
    cut = counted(parts)
    for name, entry in whole["windows"][0]["sketch"].items():
        assert cut["windows"][0]["sketch"][name]["counts"] == entry["counts"]


def test_what_is_not_counted_is_told_with_its_reason(baseline: dict[str, Any]) -> None:
    made = payloads(3, NINE, "card_fraud-3", 4)
    made[0]["served_entity_id"] = "unheard-of"
    made[1]["status_code"] = 400
    made[2]["request"] = "nonsense"
    report = counted(job.partial(batches(made), wanted(baseline)))
    assert report["windows"] == []
    assert report["skipped"] == {job.UNKNOWN_ENTITY: 2, "the status was not 200": 1, "the request is not JSON": 1}


def test_an_empty_partition_says_nothing(baseline: dict[str, Any]) -> None:
    assert counted(job.partial([], wanted(baseline))) == {"windows": [], "skipped": {}, "newest": None}


ODD: list[Any] = [
    None,
    True,
    float("inf"),
    -float("inf"),
    10**400,
    -(10**30),
    "",
    "né\ud800",
    [1],
    {"a": 1},
    "2026-01-01",
    0.1,
]


@pytest.mark.parametrize("kind", ["double", "long", "boolean", "string", "datetime"])
def test_no_value_whatever_stops_the_count(kind: str) -> None:
    columns = {"odd": kind, "constant": "double", "empty": "double"}
    good = [{"odd": 1.5, "constant": 7, "empty": None}] * 5
    odd = [{"odd": value, "constant": 7, "empty": None} for value in ODD]
    asked = {"columns": columns, "max_rows": 100}
    one = batches([payload("a", NINE, "card_fraud-3", good, [1.0] * 5, "dataframe_records")])
    many = batches([payload("b", NINE, "card_fraud-3", odd, list(range(len(odd))), "dataframe_records")])
    for made_of, counted_rows in ((one, many), (many, one)):
        made = job.baseline_of_traffic(made_of, asked)["baseline"]
        assert "empty" in made["not_comparable"]
        report = counted(job.partial(counted_rows, wanted(made, columns=columns, entities={"card_fraud-3": "3"})))
        assert bundle.read(job.line(report)) is not None
        assert report["windows"][0]["sketch"]["constant"]["rows"] in (5, len(odd))


def test_a_baseline_of_mixed_predictions_takes_them_as_words() -> None:
    parts = [batches([payload("a", NINE, "x", rows(3, 1), [1.0, 2.0, 3.0], "instances")])[0]]
    parts += batches([payload("b", NINE, "x", rows(3, 2), ["yes", "no", "yes"], "instances")])
    made = job.baseline_of_traffic(parts, {"columns": COLUMNS, "max_rows": 100})["baseline"]
    assert made["features"][PREDICTION]["kind"] == "categorical"
    assert made["rows"] == 6


def test_a_baseline_of_a_table_says_which_columns_it_lacks() -> None:
    table = pa.table({"amount": [1.0, 2.0], "age": [3, 4], "id": ["a", "b"], "score": [0.1, 0.2]})
    made = job.baseline_of_table(table, {"columns": COLUMNS, "max_rows": 10, "prediction_column": "score"})["baseline"]
    assert set(made["features"]) == {"amount", "age", PREDICTION}
    assert set(made["not_comparable"]) == {"country"}
    made = job.baseline_of_table(table, {"columns": {}, "max_rows": 10})["baseline"]
    assert set(made["features"]) == {"amount", "age", "id", "score"}
    assert set(made["not_comparable"]) == {PREDICTION}


@pytest.mark.parametrize(
    "output",
    ["", "no line", f"{job.MARKER} nonsense", f"{job.MARKER} e30=", job.line({"windows": [{"version": "1"}]})],
)
def test_an_output_that_is_none_is_no_result(output: str) -> None:
    assert bundle.read(output) is None


# -- in a real Spark engine -----------------------------------------------------------------------

# The script asks for a table by its name; the workspace knows where it is.
NAMED = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
spark.read.format("delta").load(sys.argv[1]).createOrReplaceTempView("payloads")
sys.argv = [sys.argv[2]]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def spark_remote() -> Iterator[str]:
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer(ip="127.0.0.1", port=0)
    server.start(background=True)
    _, port = server.listening_address
    yield f"sc://127.0.0.1:{port}"
    server.stop()


def run_script(asked: Mapping[str, Any], table: Path, remote: str, folder: Path) -> bundle.Found:
    """As a job of the workspace does it: the file alone, in a process that cannot import anything of ours."""
    path = folder / "drift.py"
    path.write_bytes(bundle.script(asked))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "SPARK_REMOTE": remote, "PYTHONUTF8": "1"}
    (folder / "start.py").write_text(NAMED)
    argv = [sys.executable, str(folder / "start.py"), str(table), str(path)]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    found = bundle.read(done.stdout)
    assert found is not None, done.stderr
    return found


def test_the_script_counts_a_real_table_in_a_real_engine(
    tmp_path: Path, spark_remote: str, baseline: dict[str, Any]
) -> None:
    made = payloads(120, NINE, "card_fraud-3", 5) + payloads(60, NINE + timedelta(hours=1), "card_fraud-3", 6)
    late = payloads(5, NINE + timedelta(hours=3), "card_fraud-3", 7)
    write(tmp_path / "table", made[:100])
    # Delivered twice, and outside of the range.
    write(tmp_path / "table", made[90:] + late)
    asked = wanted(baseline, table="payloads")
    found = run_script(asked, tmp_path / "table", spark_remote, tmp_path)
    expected = counted(job.partial(batches(made), wanted(baseline)))["windows"]
    assert [(w.version, w.start, w.rows) for w in found.windows] == [
        ("3", NINE, 240),
        ("3", NINE + timedelta(hours=1), 120),
    ]
    for window, reference in zip(found.windows, expected, strict=True):
        for name, entry in reference["sketch"].items():
            assert window.sketch[name]["counts"] == entry["counts"]


def test_the_script_makes_a_baseline_of_the_first_predictions(tmp_path: Path, spark_remote: str) -> None:
    made = payloads(50, NINE, "card_fraud-3", 8) + payloads(50, NINE, "card_fraud-4", 9, amount=900.0)
    write(tmp_path / "table", made)
    asked = wanted({"features": {}}, kind="baseline", source="traffic", version="3", max_rows=60, table="payloads")
    found = run_script(asked, tmp_path / "table", spark_remote, tmp_path)
    assert found.baseline is not None
    assert found.baseline["rows"] == 60
    assert set(found.baseline["features"]) == {*COLUMNS, PREDICTION}
    assert found.baseline["sketch"]["amount"]["max"] < 200


def test_the_script_says_that_a_table_is_not_there_yet(tmp_path: Path, spark_remote: str) -> None:
    write(tmp_path / "table", payloads(1, NINE, "card_fraud-3", 1))
    for kind in ("windows", "baseline"):
        asked = wanted({"features": {}}, kind=kind, source="traffic", version="3", max_rows=60, table="a.b.missing")
        found = run_script(asked, tmp_path / "table", spark_remote, tmp_path)
        assert (found.windows, found.baseline, dict(found.skipped)) == ((), None, {job.NO_TABLE: 1})


def test_no_traffic_makes_no_baseline() -> None:
    assert job.baseline_of_traffic([], {"columns": COLUMNS, "max_rows": 9}) == {"baseline": None, "skipped": {}}
