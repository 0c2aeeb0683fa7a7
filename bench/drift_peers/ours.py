"""Sketches the current table and computes all metrics against a baseline. Arguments: baseline.json, current table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bench.drift_peers.meter import Meter
from sketches.metrics import METRICS
from sketches.tables import sketch_delta


def main() -> None:
    baseline_path, table_path = sys.argv[1:]
    meter = Meter()
    baseline = json.loads(Path(baseline_path).read_text())
    features = baseline["features"]
    found = sketch_delta(table_path, baseline)
    values = {
        name: {
            metric.key: metric.value(baseline["sketch"][name], found[name], feature)
            for metric in METRICS.values()
            if feature["kind"] in metric.kinds
        }
        for name, feature in features.items()
    }
    meter.report(columns=len(values))


if __name__ == "__main__":
    main()
