"""Rows that wait for Delta: numbered JSONL segments. The newest segment is open for writing."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Segment:
    """A closed file of the spool. Numbers increase and are never reused while the counter file exists."""

    number: int
    path: Path

    @property
    def closed_at_s(self) -> float:
        """Unix time of the last row."""
        return self.path.stat().st_mtime

    def entries(self) -> list[tuple[str, dict[str, Any]]]:
        """Pairs of table and row, oldest first. Skips a line that a crash truncated."""
        found = []
        for line in self.path.read_text("utf-8").splitlines():
            try:
                table, item = json.loads(line)
            except ValueError:
                logger.warning("a truncated row of segment %s was dropped", self.number)
                continue
            found.append((table, item))
        return found


class Spool:
    """Call `append` and `rotate` from one thread. Segments of a crashed process are kept."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._counter = directory / "next"
        # Empty after a crash during the write.
        self._next = int((self._counter.read_text() if self._counter.exists() else "") or 1)
        self._next = max([self._next, *(int(path.stem) + 1 for path in directory.glob("*.jsonl"))])
        for path in directory.glob("*.open"):
            self._next = max(self._next, int(path.stem) + 1)
            # Saved before the file is deleted: a reused number would be taken for a batch that is already written.
            self._counter.write_text(str(self._next))
            path.rename(path.with_suffix(".jsonl"))
        self._file: TextIO | None = None

    def append(self, table: str, item: dict[str, Any]) -> None:
        """Writes to the page cache. A process crash loses nothing; a machine crash can lose a few rows."""
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
        """The closed segments, oldest first."""
        return [Segment(int(path.stem), path) for path in sorted(self._directory.glob("*.jsonl"))]
