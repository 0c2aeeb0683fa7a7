"""Evidently's DataDriftPreset with its defaults; argv: reference directory, current directory (Parquet)."""

from __future__ import annotations

import json
import resource
import sys
import time

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def main() -> None:
    started, before = time.perf_counter(), _cpu_s()
    reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
    numeric = [str(name) for name in reference if str(name).startswith("n")]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in reference if name not in numeric]
    )
    one, other = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    result = Report([DataDriftPreset()]).run(one, other).dict()
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"wall_s": time.perf_counter() - started, "cpu_s": _cpu_s() - before, "peak_mib": peak_kib / 1024}
    print(json.dumps({**figures, "columns": len(result["metrics"]) - 1}))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
