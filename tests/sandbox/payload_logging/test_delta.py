from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from sandbox.control.faults import Faults
from sandbox.inference_tables import catalog, delta
from sandbox.payload_logging.logger import InferenceTables
from sandbox.payload_logging.spool import Spool
from sandbox.store import Store

COLUMNS = {
    "databricks_request_id": "string",
    "request_date": "date",
    "client_request_id": "string",
    "request_time": "timestamp",
    "status_code": "integer",
    "sampling_fraction": "double",
    "execution_duration_ms": "long",
    "request": "string",
    "response": "string",
    "served_entity_id": "string",
    "requester": "string",
}


def item(request_id: str) -> dict[str, Any]:
    return {
        "databricks_request_id": request_id,
        "client_request_id": None,
        "request_time": 1_700_000_000_123,
        "status_code": 200,
        "sampling_fraction": 1.0,
        "execution_duration_ms": 7,
        "request": "{}",
        "response": None,
        "logging_error_codes": ["MAX_RESPONSE_SIZE_EXCEEDED"],
        "served_entity_id": "churn-1",
        "requester": "ada@example.com",
    }


def test_a_table_has_the_documented_columns_and_types(tmp_path: Path) -> None:
    delta.create(tmp_path / "t")
    table = DeltaTable(str(tmp_path / "t"))
    types = {field.name: getattr(field.type, "type", "") for field in table.schema().fields}
    assert types.pop("logging_error_codes") == "array"
    assert types == COLUMNS
    assert table.metadata().configuration["delta.enableChangeDataFeed"] == "true"


def test_a_batch_is_one_commit_and_is_never_written_twice(tmp_path: Path) -> None:
    delta.create(tmp_path)
    delta.append(tmp_path, 1, [item("a"), item("b")])
    delta.append(tmp_path, 1, [item("a"), item("b")])
    table = DeltaTable(str(tmp_path))
    assert table.version() == 1
    first = table.to_pyarrow_table().to_pylist()[0]
    assert first["request_time"].isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert (first["request_date"].isoformat(), first["status_code"]) == ("2023-11-14", 200)


def test_many_small_files_are_joined_without_loss(tmp_path: Path) -> None:
    delta.create(tmp_path)
    for number in range(1, delta.MANY_FILES + 2):
        delta.append(tmp_path, number, [item(str(number))])
    delta.compact(tmp_path)
    table = DeltaTable(str(tmp_path))
    assert len(table.file_uris()) == 1
    assert table.to_pyarrow_table().num_rows == delta.MANY_FILES + 1


def test_a_crash_keeps_what_was_spooled_but_a_cut_off_line(tmp_path: Path) -> None:
    crashed = Spool(tmp_path)
    crashed.append("a.b.c", item("1"))
    crashed.append("a.b.c", item("2"))
    with next(tmp_path.glob("*.open")).open("a") as file:
        file.write('["a.b.c", {"databr')
    (segment,) = Spool(tmp_path).segments()
    assert [row["databricks_request_id"] for _, row in segment.entries()] == ["1", "2"]


def test_numbers_of_segments_rise_even_after_all_were_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append("a.b.c", item("1"))
    spool.rotate()
    (first,) = spool.segments()
    first.path.unlink()
    after = Spool(tmp_path)
    after.append("a.b.c", item("2"))
    after.rotate()
    assert [segment.number for segment in after.segments()] == [first.number + 1]


def test_a_number_is_not_used_again_after_a_crash_and_an_idle_restart(tmp_path: Path) -> None:
    crashed = Spool(tmp_path)
    crashed.append("a.b.c", item("1"))
    (left_behind,) = Spool(tmp_path).segments()
    left_behind.path.unlink()
    after = Spool(tmp_path)
    after.append("a.b.c", item("2"))
    after.rotate()
    assert [segment.number for segment in after.segments()] == [left_behind.number + 1]


def test_a_spool_starts_after_a_crash_in_the_middle_of_its_counter(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append("a.b.c", item("1"))
    spool.rotate()
    (tmp_path / "next").write_text("")
    after = Spool(tmp_path)
    after.append("a.b.c", item("2"))
    after.rotate()
    assert [segment.number for segment in after.segments()] == [1, 2]


def test_a_table_whose_files_are_gone_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delta.create(tmp_path / "good")
    monkeypatch.setattr(catalog, "location", lambda store, name: tmp_path / name)
    spool = Spool(tmp_path / "spool")
    for table in ("lost", "good"):
        spool.append(table, item(table))
    spool.rotate()
    InferenceTables(spool, Store(tmp_path / "workspace.db", ()), Faults()).write_due()
    assert spool.segments() == []
    assert DeltaTable(str(tmp_path / "good")).to_pyarrow_table().num_rows == 1
