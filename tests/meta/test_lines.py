"""Lines of templates, CSS and JavaScript fit on a screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAX_COLUMNS = 160
SOURCES = ("templates/**/*.html", "static/css/**/*.css", "static/js/**/*.js")


def lines_over(limit: int) -> Iterator[str]:
    for path in (path for pattern in SOURCES for path in ROOT.glob(pattern)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if len(line) > limit:
                yield f"{path.relative_to(ROOT)}:{number} ({len(line)} characters)"


def test_no_line_of_the_front_end_is_longer_than_the_cap() -> None:
    assert list(lines_over(MAX_COLUMNS)) == []


def test_every_kind_of_source_is_looked_at() -> None:
    found = list(lines_over(0))
    assert all(any(line.startswith(kind) for line in found) for kind in ("templates/", "static/css/", "static/js/"))
