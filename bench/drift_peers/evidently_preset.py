"""Runs Evidently's DataDriftPreset with defaults. Arguments: reference directory, current directory (Parquet)."""

from __future__ import annotations

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from bench.drift_peers.meter import Meter


def main() -> None:
    meter = Meter()
    reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
    numeric = [str(name) for name in reference if str(name).startswith("n")]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in reference if name not in numeric]
    )
    one, other = (Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference))
    result = Report([DataDriftPreset()]).run(one, other).dict()
    meter.report(columns=len(result["metrics"]) - 1)


if __name__ == "__main__":
    main()
