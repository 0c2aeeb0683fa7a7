"""NannyML's univariate drift with the methods nearest to ours, one chunk; argv: reference, current (Parquet)."""

from __future__ import annotations

import json
import resource
import sys
import time

import nannyml as nml
import pandas as pd


def main() -> None:
    started, before = time.perf_counter(), _cpu_s()
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
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"wall_s": time.perf_counter() - started, "cpu_s": _cpu_s() - before, "peak_mib": peak_kib / 1024}
    print(json.dumps({**figures, "columns": columns}))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
