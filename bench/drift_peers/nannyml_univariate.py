"""Runs NannyML's univariate drift with similar methods and one chunk. Arguments: reference, current (Parquet)."""

from __future__ import annotations

import sys

import nannyml as nml
import pandas as pd

from bench.drift_peers.meter import Meter


def main() -> None:
    meter = Meter()
    reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
    names = list(reference)
    numeric = [name for name in names if str(name).startswith("n")]
    calculator = nml.UnivariateDriftCalculator(
        column_names=names,
        treat_as_categorical=[name for name in names if name not in numeric],
        continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"],
        categorical_methods=["chi2", "jensen_shannon", "l_infinity"],
        chunk_number=1,
    )
    result = calculator.fit(reference).calculate(current)
    columns = len(result.column_names)
    meter.report(columns=columns)


if __name__ == "__main__":
    main()
