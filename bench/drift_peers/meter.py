"""Measures one tool of the comparison from inside its process, with the standard library only."""

from __future__ import annotations

import json
import time
from pathlib import Path


class Meter:
    """Starts on creation. Create it after the imports, which are not measured."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def report(self, *, columns: int) -> None:
        """Print wall seconds, CPU seconds (user and system) and peak resident memory in MiB as one line of JSON."""
        figures = {
            "wall_s": time.perf_counter() - self._wall_s,
            "cpu_s": time.process_time() - self._cpu_s,
            "peak_mib": _peak_mib(),
        }
        print(json.dumps({**figures, "columns": columns}))


def _peak_mib() -> float:
    """Peak resident memory of this process. ru_maxrss would include the peak of its parent process."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
