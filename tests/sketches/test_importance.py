"""Permutation importance without labels: of a model whose answer is known to hang on some columns and not on others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as of_sklearn
from sklearn.linear_model import LinearRegression

from sketches import job
from sketches.importance import answers, change, measured, permutation_importance

RANDOM = np.random.default_rng(5)
FRAME = pd.DataFrame(RANDOM.normal(size=(300, 3)), columns=["much", "little", "nothing"])
COLUMNS = dict.fromkeys(FRAME.columns, "double")


def predict(frame: pd.DataFrame) -> Any:
    return (3 * frame["much"] + 0.3 * frame["little"]).to_numpy()


def test_what_an_answer_hangs_on_matters_in_proportion() -> None:
    found = permutation_importance(FRAME, predict)
    assert (found["much"], found["nothing"]) == (1.0, 0.0)
    assert found["little"] == pytest.approx(0.1, rel=0.15)


def test_the_order_of_features_is_that_of_scikit_learn_on_the_models_own_answers() -> None:
    target = 2 * FRAME["much"] + FRAME["little"]
    model = LinearRegression().fit(FRAME, target)
    theirs = of_sklearn(model, FRAME, model.predict(FRAME), n_repeats=3, random_state=1).importances_mean
    ours = permutation_importance(FRAME, model.predict)
    order = [name for _, name in sorted(zip(theirs, FRAME.columns, strict=True))]
    assert sorted(ours, key=ours.__getitem__) == order


def test_classes_count_by_how_often_they_change() -> None:
    forest = RandomForestClassifier(n_estimators=10, random_state=1).fit(
        FRAME, np.where(FRAME["much"] > 0, "yes", "no")
    )
    found = permutation_importance(FRAME, forest.predict)
    assert found["much"] == 1.0
    assert max(found["little"], found["nothing"]) < 0.2


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (np.array([[0.2, 0.8], [0.9, 0.1]]), [0.8, 0.1]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.DataFrame({"score": [0.1, 0.2], "band": ["a", "b"]}), [0.1, 0.2]),
        (["yes", "no"], ["yes", "no"]),
    ],
)
def test_answers_are_those_that_drift_compares(output: Any, expected: list[Any]) -> None:
    assert answers(output) == expected


def test_a_change_of_numbers_is_their_distance_and_of_words_their_share() -> None:
    assert change([1.0, 2.0], [1.5, 2.0]) == 0.25
    assert change(["a", "b"], ["a", "c"]) == 0.5
    assert change([1.0, None], [1.0, 2.0]) == 0.5


def refuse() -> Any:
    raise ImportError("no module named lightgbm")


def test_what_cannot_be_measured_says_why() -> None:
    table = pa.Table.from_pandas(FRAME)
    assert measured(table, {}, refuse)["note"] == "the signature of the version does not name its columns"
    assert measured(table.slice(0, 5), COLUMNS, refuse)["note"] == "5 rows are too few; at least 30 are needed"
    assert measured(table, dict.fromkeys(map(str, range(5)), "double"), refuse)["importance"] is None
    told = measured(table, COLUMNS, refuse)
    assert told["note"] == "the version could not predict: ImportError: no module named lightgbm"


def test_columns_come_as_the_signature_wants_them() -> None:
    table = pa.table({"n": [float(n) for n in range(40)], "flag": [None, *[True] * 39], "word": ["x"] * 40})
    seen: list[pd.DataFrame] = []

    def note(frame: pd.DataFrame) -> list[int]:
        seen.append(frame)
        return [1] * len(frame)

    found = measured(table, {"n": "long", "flag": "boolean", "word": "string"}, lambda: note)
    assert found == {"importance": {"n": 0.0, "flag": 0.0, "word": 0.0}, "note": ""}
    assert (str(seen[0]["n"].dtype), seen[0]["flag"].isna().sum()) == ("int64", 1)


def test_a_model_that_never_changes_its_mind_matters_to_nobody() -> None:
    assert set(permutation_importance(FRAME, lambda frame: [1] * len(frame)).values()) == {0.0}


def test_rows_that_are_gone_are_told() -> None:
    assert job.importance_of(None, {})["note"] == "the rows of the baseline no longer exist"
