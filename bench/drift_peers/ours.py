"""Sketches of the current window and all metrics against a stored baseline; argv: baseline.json, current table."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from integrations.drift.metrics import METRICS
from integrations.drift.tables import sketch_delta


def main() -> None:
    baseline_path, table_path = sys.argv[1:]
    started, before = time.perf_counter(), _cpu_s()
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
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"wall_s": time.perf_counter() - started, "cpu_s": _cpu_s() - before, "peak_mib": peak_kib / 1024}
    print(json.dumps({**figures, "columns": len(values)}))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
