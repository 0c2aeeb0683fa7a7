"""Output of all benchmarks: a table, and a last line with the ratio and whether the target was met."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Verdict:
    """A measured value and its target: a minimum if ``more_is_better``, otherwise a maximum."""

    what: str
    value: float
    target: float
    more_is_better: bool = True

    @property
    def is_met(self) -> bool:
        return self.value >= self.target if self.more_is_better else self.value <= self.target

    def __str__(self) -> str:
        return f"{self.what} {self.value:.3g} (target {self.target:g}) {'ok' if self.is_met else 'MISSED'}"


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def show(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in plain text with aligned columns."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    print(f"\n{title}")
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    sys.stdout.flush()


def machine(*packages: str) -> str:
    """Processor, cores, load and versions, which are needed to interpret the figures."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    load = Path("/proc/loadavg").read_text().split()[0] if Path("/proc/loadavg").exists() else "unknown"
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    processor = names[0] if names else platform.processor()
    return f"{processor}, {len(names) or '?'} cores, load {load}; Python {platform.python_version()}; {versions}"


def finish(name: str, verdicts: Sequence[Verdict]) -> int:
    """Print one line per target, with the first target last. Returns the exit status: 1 if a target was missed."""
    print()
    for verdict in verdicts[1:]:
        print(f"{name}: {verdict}")
    missed = [verdict for verdict in verdicts if not verdict.is_met]
    first = verdicts[0]
    print(f"{name}: {first.what} {first.value:.3g} (target {first.target:g}) {'MISSED' if missed else 'ok'}")
    return 1 if missed else 0
