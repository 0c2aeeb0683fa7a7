"""What one tool of the comparison took, measured from inside by the standard library alone."""

from __future__ import annotations

import json
import time
from pathlib import Path


class Meter:
    """Starts when it is made: after the imports, which do not count."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def report(self, *, columns: int) -> None:
        """Print seconds, CPU seconds of user and system, and the peak of resident memory, as one line of JSON."""
        figures = {
            "wall_s": time.perf_counter() - self._wall_s,
            "cpu_s": time.process_time() - self._cpu_s,
            "peak_mib": _peak_mib(),
        }
        print(json.dumps({**figures, "columns": columns}))


def _peak_mib() -> float:
    """Of this program alone: ru_maxrss would begin with the peak of whoever started it."""
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
