"""Time ranges as they stand in a URL."""

from datetime import UTC, datetime, timedelta

import pytest

from web.errors import Invalid
from web.ranges import RANGES, parse_range

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", RANGES)
def test_a_named_range_ends_now(name):
    chosen = parse_range(name, "", "", NOW)
    assert (chosen.name, chosen.end, chosen.width) == (name, NOW, RANGES[name])


def test_without_a_name_it_is_the_usual_one():
    assert parse_range("", "", "", NOW, "7d").width == timedelta(days=7)


def test_two_moments_make_a_range_and_one_reaches_to_now():
    both = parse_range("7d", "2026-02-01T00:00:00Z", "2026-02-03T00:00:00+01:00", NOW)
    assert (both.name, both.width) == ("custom", timedelta(days=2, hours=-1))
    assert parse_range("", "2026-02-28T12:00:00Z", "", NOW).width == timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("8d", "", ""),
        ("", "", "2026-02-03T00:00:00Z"),
        ("", "2026-02-01", ""),
        ("", "yesterday", ""),
        ("", "2026-02-03T00:00:00Z", "2026-02-03T00:00:00Z"),
        ("", "2026-03-02T00:00:00Z", ""),
    ],
)
def test_what_is_no_range_is_refused_with_the_reason(name, start, end):
    with pytest.raises(Invalid, match=r"range|time") as invalid:
        parse_range(name, start, end, NOW)
    assert list(invalid.value.fields) == ["range"]
