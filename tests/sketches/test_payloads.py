"""Payloads of inference tables become typed rows, in every documented format, and nothing they hold raises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sketches.payloads import OURS, PREDICTION, REQUEST_ID, ROW, TIME, unpack

SIGNATURE = {"amount": "double", "country": "string", "is_new": "boolean", "at": "datetime"}
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {"amount": 1.5, "country": "DE", "is_new": True, "at": "2026-11-01T00:00:00Z"},
    {"amount": 2, "country": None, "is_new": False, "at": None},
]
SPLIT: dict[str, Any] = {"columns": list(SIGNATURE), "data": [list(row.values()) for row in ROWS]}


def payloads(*requests: Any, response: Any = None, status: int = 200) -> pa.RecordBatch:
    answer = {"predictions": [0.1, 0.9]} if response is None else response
    return pa.RecordBatch.from_pylist(
        [
            {
                "databricks_request_id": f"r{index}",
                "request_time": AT,
                "status_code": status,
                "request": request if isinstance(request, str | None) else json.dumps(request),
                "response": answer if isinstance(answer, str) else json.dumps(answer),
                "served_entity_id": "e1",
            }
            for index, request in enumerate(requests)
        ],
        schema=pa.schema(
            [
                ("databricks_request_id", pa.string()),
                ("request_time", pa.timestamp("us", "UTC")),
                ("status_code", pa.int32()),
                ("request", pa.string()),
                ("response", pa.string()),
                ("served_entity_id", pa.string()),
            ]
        ),
    )


def unpacked(batch: pa.RecordBatch, signature: dict[str, str] = SIGNATURE) -> tuple[pa.RecordBatch, dict[str, int]]:
    [found] = unpack([batch], signature)
    return found


FORMATS = {
    "dataframe_split": {"dataframe_split": SPLIT},
    "dataframe_split without names": {"dataframe_split": {"data": SPLIT["data"]}},
    "dataframe_split with an index": {"dataframe_split": {**SPLIT, "index": [7, 8]}},
    "dataframe_records": {"dataframe_records": ROWS, "client_request_id": "mine"},
    "instances by name": {"instances": ROWS},
    "instances by position": {"instances": SPLIT["data"]},
    "inputs by column": {"inputs": {name: [row[name] for row in ROWS] for name in SIGNATURE}},
    "inputs by column, tensors": {"inputs": {name: [[row[name]] for row in ROWS] for name in SIGNATURE}},
    "inputs by row": {"inputs": SPLIT["data"]},
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_documented_format_gives_the_same_rows(name: str) -> None:
    rows, skipped = unpacked(payloads(FORMATS[name]))
    assert skipped == {}
    assert rows["amount"].to_pylist() == [1.5, 2.0]
    assert rows["country"].to_pylist() == ["DE", None]
    assert rows["is_new"].to_pylist() == [True, False]
    assert rows["at"].to_pylist() == [datetime(2026, 11, 1, tzinfo=UTC), None]
    assert rows[PREDICTION].to_pylist() == [0.1, 0.9]
    assert (rows[REQUEST_ID].to_pylist(), rows[ROW].to_pylist()) == (["r0", "r0"], [0, 1])
    assert rows[TIME].to_pylist() == [AT, AT]


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        (None, "the request was not logged, for example because it was too large"),
        ("{", "the request is not JSON"),
        ([1], "the request is not an object"),
        ({"prompt": "hello"}, "the request has none of the documented formats"),
        ({"dataframe_split": {"data": [[1, 2]]}}, "a row has more or fewer values than there are columns"),
        ({"dataframe_split": 3}, "dataframe_split has no data"),
        ({"dataframe_records": {"a": 1}}, "dataframe_records is not a list of objects"),
        ({"instances": 3}, "instances is not a list"),
        ({"inputs": 3}, "inputs is neither columns nor rows"),
        ({"inputs": {"amount": [1], "country": ["a", "b"]}}, "the columns of inputs differ in length"),
        ({"dataframe_records": ROWS[:1]}, "the number of predictions differs from the number of rows"),
    ],
)
def test_what_cannot_be_read_is_counted_with_its_reason(request_body: Any, reason: str) -> None:
    rows, skipped = unpacked(payloads(request_body, FORMATS["dataframe_records"]))
    assert skipped == {reason: 1}
    assert rows.num_rows == 2


def test_a_request_that_failed_predicted_nothing() -> None:
    rows, skipped = unpacked(payloads(FORMATS["instances by name"], status=400))
    assert (rows.num_rows, skipped) == (0, {"the status was not 200": 1})


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([1, 0], [1.0, 0.0]),
        ([[0.5], [0.25]], [0.5, 0.25]),
        (["cat", "dog"], ["cat", "dog"]),
        ([True, False], ["true", "false"]),
        ([{"score": 1.0}, {"score": 2.0}], [1.0, 2.0]),
        ([[0.1, 0.9], [0.2, 0.8]], [0.9, 0.8]),
        ([[0.1, 0.2, 0.7], [0.5, 0.2, 0.3]], ["2", "0"]),
        ([{"probability": 0.25, "band": "low"}, {"probability": 0.75, "band": "high"}], [0.25, 0.75]),
        ([["a", "b"], {}], [None, None]),
        ([1, "unsure"], ["1", "unsure"]),
    ],
)
def test_predictions_are_numbers_or_words(predictions: list[Any], expected: list[Any]) -> None:
    rows, _ = unpacked(payloads(FORMATS["instances by name"], response={"predictions": predictions}))
    assert rows[PREDICTION].to_pylist() == expected


def test_a_value_that_is_not_of_its_type_is_null() -> None:
    odd = [{"amount": "12.5", "country": 7, "is_new": "yes", "at": "soon"}, {"amount": "much", "country": {"a": 1}}]
    rows, _ = unpacked(payloads({"dataframe_records": odd}))
    assert rows["amount"].to_pylist() == [12.5, None]
    assert rows["country"].to_pylist() == ["7", '{"a": 1}']
    assert rows["is_new"].to_pylist() == [None, None]
    assert rows["at"].to_pylist() == [None, None]


def test_a_feature_named_like_one_of_our_columns_is_left_out() -> None:
    rows, _ = unpacked(payloads({"dataframe_records": [{"x": 1, ROW: 5}, {"x": 2}]}), {"x": "long", ROW: "long"})
    assert rows.schema.names == [*OURS[:-1], "x", PREDICTION]
    assert rows[ROW].to_pylist() == [0, 1]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
bodies = json_values | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("dataframe_split", "dataframe_records", "instances", "inputs"), json_values)
)


@settings(max_examples=150)
@given(bodies, json_values | st.fixed_dictionaries({"predictions": json_values}))
def test_nothing_that_a_payload_holds_raises(request_body: Any, response: Any) -> None:
    rows, skipped = unpacked(payloads(json.dumps(request_body), response=json.dumps(response)))
    assert rows.num_rows >= 0
    assert sum(skipped.values()) <= 1
