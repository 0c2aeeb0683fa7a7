"""Rows on their way to Delta: numbered JSONL segments, of which the newest is being written."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Segment:
    """A closed file of the spool; numbers rise and are never used again while the spool's counter file is kept."""

    number: int
    path: Path

    @property
    def closed_at_s(self) -> float:
        """Unix time of its last row."""
        return self.path.stat().st_mtime

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """Table and row in the order of arrival; a line that was cut off by a crash is left out."""
        found = []
        for line in self.path.read_text("utf-8").splitlines():
            try:
                table, item = json.loads(line)
            except ValueError:
                logger.warning("a cut-off row of segment %s was dropped", self.number)
                continue
            found.append((table, item))
        return found


class Spool:
    """`append` and `rotate` belong to one thread. What a crashed process left behind is there after a start."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._counter = directory / "next"
        # Empty after a crash in the middle of its write.
        self._next = int((self._counter.read_text() if self._counter.exists() else "") or 1)
        self._next = max([self._next, *(int(path.stem) + 1 for path in directory.glob("*.jsonl"))])
        for path in directory.glob("*.open"):
            self._next = max(self._next, int(path.stem) + 1)
            # Kept before the file goes: a number that is used again is taken for a batch that was written.
            self._counter.write_text(str(self._next))
            path.rename(path.with_suffix(".jsonl"))
        self._file: TextIO | None = None

    def append(self, table: str, item: dict[str, Any]) -> None:
        """One write to the page cache: a crash of the process loses nothing, one of the machine a few rows."""
        if self._file is None:
            self._file = (self._directory / f"{self._next:012}.open").open("a", encoding="utf-8")
        self._file.write(json.dumps([table, item]) + "\n")
        self._file.flush()

    def rotate(self) -> None:
        if self._file is None:
            return
        path = Path(self._file.name)
        self._file.close()
        self._file = None
        self._next += 1
        self._counter.write_text(str(self._next))
        path.rename(path.with_suffix(".jsonl"))

    def segments(self) -> list[Segment]:
        """The closed ones, oldest first."""
        return [Segment(int(path.stem), path) for path in sorted(self._directory.glob("*.jsonl"))]
