"""Sketches of Delta tables on disk are those of their rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from sketches.baseline import make_baseline
from sketches.sketch import sketch
from sketches.tables import COLUMNS, sketch_delta


def table(rows: int) -> pa.Table:
    rng = np.random.default_rng(rows)
    numbers = {f"amount {index} [EUR]": rng.normal(size=rows) for index in range(COLUMNS + 2)}
    words = {"country.code": pa.array([["DE", "FR", None][index] for index in rng.integers(0, 3, rows)])}
    return pa.table({**numbers, **words, "day": pa.array(rng.choice(["2026-11-01", "2026-11-02"], rows))})


def test_a_table_of_several_files_is_read_whole(tmp_path: Path) -> None:
    first, second = table(500), table(700)
    for part in (first, second):
        write_deltalake(str(tmp_path), part, mode="append")
    baseline = make_baseline(first)
    expected = sketch(pa.concat_tables([second, first]).to_batches(), baseline)
    found = sketch_delta(str(tmp_path), baseline)
    for name, entry in expected.items():
        assert found[name]["counts"] == entry["counts"], name
        assert found[name]["nulls"] == entry["nulls"]
        assert found[name].get("sum") == pytest.approx(entry.get("sum"))


def test_a_partition_is_read_alone(tmp_path: Path) -> None:
    rows = table(600)
    write_deltalake(str(tmp_path), rows, partition_by=["day"])
    baseline = make_baseline(rows.drop_columns(["day"]))
    only = rows.filter(pa.compute.equal(rows["day"], "2026-11-02"))
    found = sketch_delta(str(tmp_path), baseline, partitions=[("day", "=", "2026-11-02")])
    assert {name: entry["counts"] for name, entry in found.items()} == {
        name: entry["counts"] for name, entry in sketch(only.to_batches(), baseline).items()
    }


def test_a_column_that_the_table_does_not_have_is_missing_in_every_row(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), pa.table({"x": [1.0, 2.0, 3.0]}))
    baseline = make_baseline(pa.table({"x": [1.0, 2.0], "gone": [1.0, 2.0]}))
    assert sketch_delta(str(tmp_path), baseline)["gone"]["missing"] == 3


def test_a_table_without_any_of_the_columns_still_counts_its_rows(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path), pa.table({"other": [1.0, 2.0, 3.0]}))
    baseline = make_baseline(pa.table({"gone": [1.0, 2.0]}))
    assert sketch_delta(str(tmp_path), baseline)["gone"]["rows"] == 3
