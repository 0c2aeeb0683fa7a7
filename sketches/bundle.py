"""Builds the drift job as one file for the workspace, and parses the last line of its output.

The file contains the sources of this folder and the arguments of the job. Spark pickles functions of ``__main__`` by
value and functions of modules by name. Executors do not have our modules, so the function that is sent to them
contains the sources too and imports them there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from sketches.job import MARKER
from sketches.sketch import merge

T = TypeVar("T")
#: In import order. The last one is the entry point.
PARTS = ("sketch", "payloads", "baseline", "importance", "job")
FOLDER = Path(__file__).parent
#: A larger report is rejected, so that the output of a job cannot exhaust memory.
MAX_BYTES = 200_000_000
TEMPLATE = '''"""Counts features for Slipway. Made by Slipway and replaced by its next job."""

import importlib
import importlib.util
import json
import sys

PACKAGE = {package!r}
SOURCES = json.loads({sources!r})
WANTED = json.loads({wanted!r})


class Finder:
    def __init__(self, package, sources):
        self.package, self.sources = package, sources

    def find_spec(self, name, path=None, target=None):
        if name == self.package:
            return importlib.util.spec_from_loader(name, self, is_package=True)
        package, _, module = name.rpartition(".")
        if package == self.package and module in self.sources:
            return importlib.util.spec_from_loader(name, self)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        source = self.sources.get(module.__name__.rpartition(".")[2], "")
        exec(compile(source, module.__name__, "exec"), module.__dict__)


def load(package, sources):
    if package not in sys.modules:
        sys.meta_path.append(Finder(package, sources))
    return importlib.import_module(package + {entry!r})


def worker(wanted):
    package, sources, loader = PACKAGE, SOURCES, load

    def count(batches):
        yield from loader(package, sources).partial(batches, wanted)

    return count


if __name__ == "__main__":
    load(PACKAGE, SOURCES).main(WANTED, worker)
'''


def script(wanted: Mapping[str, Any], parts: Sequence[str] = PARTS) -> bytes:
    """The file that runs the last of ``parts`` with the arguments ``wanted``. Deterministic."""
    texts = {name: (FOLDER / f"{name}.py").read_text("utf-8") for name in parts}
    digest = hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:12]
    # The name changes with the sources: an executor may outlive the job and cache imported modules.
    package = f"slipway_drift_{digest}"
    sources = {name: text.replace("sketches", package) for name, text in texts.items()}
    asked = json.dumps(wanted, sort_keys=True)
    made = TEMPLATE.format(package=package, entry=f".{parts[-1]}", sources=json.dumps(sources), wanted=asked)
    return made.encode()


@dataclass(frozen=True)
class FoundWindow:
    """The counts of one version in ``[start, start + width)``; ``start`` is UTC."""

    version: str
    start: datetime
    rows: int
    sketch: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """The report of a job."""

    windows: tuple[FoundWindow, ...] = ()
    baseline: dict[str, Any] | None = None
    #: {reason: requests}
    skipped: Mapping[str, int] = field(default_factory=dict)
    #: The time of the last prediction in the range of the job.
    newest: datetime | None = None
    #: {feature: 0 to 1}
    importance: dict[str, float] | None = None
    #: Why ``importance`` is None.
    note: str = ""


def read(output: str) -> Found | None:
    """The report in the last line of the output. None if there is no valid report."""
    return read_as(output, _found)


def read_as(output: str, reading: Callable[[Mapping[str, Any]], T]) -> T | None:
    """The report in the last line of the output, parsed by ``reading``. None if there is no valid report."""
    lines = [line for line in output.splitlines() if line.startswith(f"{MARKER} ")]
    if not lines:
        return None
    try:
        return reading(_unpacked(lines[-1].removeprefix(MARKER).strip()))
    except (ValueError, TypeError, KeyError, OverflowError, zlib.error):
        return None


def _unpacked(text: str) -> Any:
    opened = zlib.decompressobj()
    content = opened.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
    if opened.unconsumed_tail:
        raise ValueError(f"the report is larger than {MAX_BYTES} bytes")
    # PostgreSQL rejects null characters in text and JSON.
    return json.loads(content.decode().replace("\\u0000", ""))


def _found(report: Mapping[str, Any]) -> Found:
    newest = report.get("newest")
    return Found(
        windows=tuple(_window(item) for item in report.get("windows") or ()),
        baseline=_baseline(report.get("baseline")),
        skipped={str(reason)[:200]: int(count) for reason, count in (report.get("skipped") or {}).items()},
        newest=datetime.fromisoformat(newest).astimezone(UTC) if newest else None,
        importance=_importance(report.get("importance")),
        note=str(report.get("note") or "")[:500],
    )


def _importance(found: Any) -> dict[str, float] | None:
    if found is None:
        return None
    values = {str(name): float(value) for name, value in found.items()}
    if not all(0 <= value <= 1 for value in values.values()):
        raise ValueError("importance must be between 0 and 1")
    return values


def _window(item: Mapping[str, Any]) -> FoundWindow:
    start = datetime.fromtimestamp(int(item["start"]), UTC)
    # Merging a sketch with itself validates it: an invalid one raises.
    merge(item["sketch"], item["sketch"])
    return FoundWindow(str(item["version"]), start, int(item["rows"]), item["sketch"])


def _baseline(found: Any) -> dict[str, Any] | None:
    if not found:
        return None
    merge(found["sketch"], found["sketch"])
    if found["sketch"].keys() != found["features"].keys():
        raise ValueError("a baseline must have a sketch for each of its features")
    return {**found, "rows": int(found["rows"]), "not_comparable": dict(found.get("not_comparable") or {})}
