"""The drift job as one file for the workspace, and its last line as the portal reads it.

The file carries the sources of this folder and what is asked. Spark sends functions of ``__main__`` whole, and those
of modules by their name only; as executors have none of our modules, the function that goes there carries the sources
too and unpacks them where it is.
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
# In the order in which they import each other; the last is the one that is run.
PARTS = ("sketch", "payloads", "baseline", "importance", "job")
FOLDER = Path(__file__).parent
# Not more than this is unpacked of what a job says.
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
    """The file that does what is ``wanted``; see the last of its parts. The same for the same."""
    texts = {name: (FOLDER / f"{name}.py").read_text("utf-8") for name in parts}
    digest = hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:12]
    # A name of its own for each state of the sources: an executor lives longer than one job.
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
    """What a job found. ``newest`` is the time of the last prediction in its range, ``skipped`` {reason: requests}.

    ``importance`` is {feature: 0 to 1}; where it is None ``note`` says why.
    """

    windows: tuple[FoundWindow, ...] = ()
    baseline: dict[str, Any] | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    newest: datetime | None = None
    importance: dict[str, float] | None = None
    note: str = ""


def read(output: str) -> Found | None:
    """What the last line of the output says; None if there is none that can be read."""
    return read_as(output, _found)


def read_as(output: str, reading: Callable[[Mapping[str, Any]], T]) -> T | None:
    """``reading`` of the report in the last line; None if there is none, or if it raises for what is no report."""
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
        raise ValueError("more than a job says")
    # No database keeps a null character.
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
        raise ValueError("an importance is from 0 to 1")
    return values


def _window(item: Mapping[str, Any]) -> FoundWindow:
    start = datetime.fromtimestamp(int(item["start"]), UTC)
    # A sketch that adds up with itself is one.
    merge(item["sketch"], item["sketch"])
    return FoundWindow(str(item["version"]), start, int(item["rows"]), item["sketch"])


def _baseline(found: Any) -> dict[str, Any] | None:
    if not found:
        return None
    merge(found["sketch"], found["sketch"])
    if found["sketch"].keys() != found["features"].keys():
        raise ValueError("a baseline has a sketch of each of its features")
    return {**found, "rows": int(found["rows"]), "not_comparable": dict(found.get("not_comparable") or {})}
