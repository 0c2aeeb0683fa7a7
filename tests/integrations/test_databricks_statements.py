"""SQL over the Statement Execution API: values as text and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from integrations.databricks import cells
from integrations.databricks.records import Column


@pytest.mark.parametrize(
    ("type_name", "text", "value"),
    [
        ("LONG", "9223372036854775807", 2**63 - 1),
        ("INT", "-3", -3),
        ("DOUBLE", "1.5E-3", 0.0015),
        ("DECIMAL", "0.070000000000000000", Decimal("0.070000000000000000")),
        ("BOOLEAN", "true", True),
        ("BOOLEAN", "false", False),
        ("DATE", "2026-01-31", date(2026, 1, 31)),
        ("TIMESTAMP", "2026-01-31T23:59:59.123Z", datetime(2026, 1, 31, 23, 59, 59, 123000, tzinfo=UTC)),
        ("TIMESTAMP", "2026-01-31T23:59:59.000+02:00", datetime(2026, 1, 31, 21, 59, 59, tzinfo=UTC)),
        ("TIMESTAMP_NTZ", "2026-01-31T23:59:59.000", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        ("STRUCT", '{"endpoint_name":"e1","n":1}', {"endpoint_name": "e1", "n": 1}),
        ("ARRAY", "[1,null]", [1, None]),
        ("MAP", '{"team":"fraud"}', {"team": "fraud"}),
        ("STRING", "[1]", "[1]"),
        ("NOVELTY", "as it is", "as it is"),
        ("LONG", None, None),
    ],
)
def test_a_cell_becomes_a_value_of_its_type(type_name, text, value):
    ((read,),) = cells.decoded([[text]], [Column("x", type_name)])
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("value", "text", "type_text"),
    [
        (True, "true", "BOOLEAN"),
        (7, "7", "BIGINT"),
        (0.25, "0.25", "DOUBLE"),
        (Decimal("12.50"), "12.50", "DECIMAL(4,2)"),
        (Decimal("0.005"), "0.005", "DECIMAL(3,3)"),
        (Decimal("1E+3"), "1000", "DECIMAL(4,0)"),
        (date(2026, 1, 2), "2026-01-02", "DATE"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00+00:00", "TIMESTAMP"),
        ("'; DROP", "'; DROP", "STRING"),
        (None, None, "STRING"),
    ],
)
def test_a_parameter_is_written_with_its_type(value, text, type_text):
    assert cells.parameter("p", value) == {"name": "p", "value": text, "type": type_text}


def test_a_time_without_a_zone_is_no_parameter():
    with pytest.raises(ValueError, match="no time zone"):
        cells.parameter("p", datetime(2026, 1, 2))
