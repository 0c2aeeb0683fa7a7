from __future__ import annotations

import json
import math

import pytest

from sandbox.examples.dataset import GRADES, load, pinned
from sandbox.examples.traffic import request_bodies

DATA = [("modeldata", "credit_data", 4454), ("ggplot2", "diamonds", 53940), ("modeldata", "mlc_churn", 5000)]


@pytest.mark.parametrize(("package", "name", "rows"), DATA)
def test_a_data_set_is_whole_and_its_numbers_can_be_missing(package: str, name: str, rows: int) -> None:
    frame = load(package, name)
    assert len(frame) == rows
    assert "rownames" not in frame.columns
    assert {str(kind) for kind in frame.select_dtypes("number").dtypes} == {"float64"}


def test_every_grade_of_a_diamond_has_its_place() -> None:
    frame = load("ggplot2", "diamonds")
    assert {column: set(frame[column]) for column in GRADES} == {column: set(order) for column, order in GRADES.items()}


def test_requirements_are_pinned_to_what_is_installed() -> None:
    (line,) = pinned("scikit-learn")
    assert line.startswith("scikit-learn==1.")


def test_traffic_is_valid_json_with_the_columns_of_the_model() -> None:
    bodies = list(request_bodies(20))
    assert len(bodies) == 20
    for body in bodies:
        split = json.loads(json.dumps(body, allow_nan=False))["dataframe_split"]
        assert "Status" not in split["columns"]
        assert 1 <= len(split["data"]) <= 3
        assert all(not (isinstance(value, float) and math.isnan(value)) for row in split["data"] for value in row)


def test_traffic_is_the_same_every_time() -> None:
    assert list(request_bodies(5)) == list(request_bodies(5))
