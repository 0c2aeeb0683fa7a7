from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from web import formats

NOW = datetime(2026, 11, 22, 21, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=4), "just now"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=60), "1 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=29), "29 d ago"),
        (timedelta(days=30), "23 Oct 2026"),
        (timedelta(hours=-2), "in 2 h"),
        (timedelta(seconds=-7199.9), "in 2 h"),
    ],
)
def test_a_moment_is_told_by_its_distance_and_an_old_one_by_its_date(ago: timedelta, text: str) -> None:
    assert formats.relative(NOW - ago, NOW) == text


def test_an_exact_time_names_the_zone_of_the_reader() -> None:
    with timezone.override("Europe/Berlin"):
        assert formats.exact(NOW) == "2026-11-22 22:04:05 CET"


def test_machines_read_times_in_utc() -> None:
    with timezone.override("Europe/Berlin"):
        assert formats.machine(timezone.localtime(NOW)) == "2026-11-22T21:04:05Z"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, formats.NOTHING),
        (0, "0 s"),
        (-3, "0 s"),
        (0.0004, "1 ms"),
        (0.85, "850 ms"),
        (0.9999, "1 s"),
        (12.9, "12 s"),
        (60, "1 min"),
        (184, "3 min 4 s"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (timedelta(days=3, hours=4, seconds=9), "3 d 4 h"),
    ],
)
def test_a_span_is_told_in_at_most_two_units(span: float | timedelta | None, text: str) -> None:
    assert formats.duration(span) == text


def test_a_size_is_told_in_the_unit_that_fits() -> None:
    assert formats.filesize(1536).replace("\xa0", " ") == "1.5 KB"
    assert formats.filesize(None) == formats.NOTHING


def test_json_takes_what_json_does_not_know() -> None:
    assert formats.pretty_json({"at": NOW, 3: object}).startswith('{\n  "at": "2026-11-22T21:04:05+00:00"')


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ada Lovelace", "AL"), ("ada.king.lovelace", "AL"), ("bob", "B"), ("ci_bot", "CB"), ("", "?"), ("--", "?")],
)
def test_initials_come_from_the_first_and_the_last_word(name: str, letters: str) -> None:
    assert formats.initials(name) == letters
