"""Readers of environment variables: a bad value stops the start and names its variable."""

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.env import env_bool, env_int, env_list, env_path, env_secret, env_str, env_url, kept_secret

NAME = "SLIPWAY_TEST_VALUE"


@pytest.fixture
def value(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    return lambda text: monkeypatch.setenv(NAME, text)


def refused():
    return pytest.raises(ImproperlyConfigured, match=NAME)


@pytest.mark.parametrize(
    ("text", "expected"), [("1", True), ("True", True), (" on ", True), ("no", False), ("0", False)]
)
def test_yes_and_no(value, text, expected):
    value(text)
    assert env_bool(NAME, not expected) is expected


def test_what_is_neither_yes_nor_no_is_refused(value):
    value("maybe")
    with refused():
        env_bool(NAME, True)


@pytest.mark.parametrize("text", ["x", "1.5", "0", "11", "1e3", "--1"])
def test_a_number_outside_its_range_is_refused(value, text):
    value(text)
    with refused():
        env_int(NAME, 5, low=1, high=10)


@pytest.mark.parametrize("text", ["ftp://host", "host:80", "//host", "http://", "nonsense"])
def test_what_is_no_url_of_ours_is_refused(value, text):
    value(text)
    with refused():
        env_url(NAME, "http://127.0.0.1", schemes=("http", "https"))


def test_good_values_are_read(value, tmp_path):
    value(" 7 ")
    assert env_int(NAME, 5, low=1, high=10) == 7
    value("a, b,,c ")
    assert env_list(NAME, []) == ["a", "b", "c"]
    value("https://host/path/")
    assert env_url(NAME, "", schemes=("https",)) == "https://host/path"
    value(str(tmp_path / "x" / ".."))
    assert env_path(NAME, Path("/")) == tmp_path


def test_blank_is_as_good_as_unset(value):
    for text in (None, "  "):
        if text is not None:
            value(text)
        assert env_str(NAME, "default") == "default"
        assert env_bool(NAME, True) is True
        assert env_int(NAME, 5, low=1, high=10) == 5
        assert env_list(NAME, ["x"]) == ["x"]
        assert env_url(NAME, "http://host", schemes=("http",)) == "http://host"
        assert env_secret(NAME) == ""


def test_a_secret_comes_from_the_environment_or_from_a_file(value, monkeypatch, tmp_path):
    value("direct")
    assert env_secret(NAME) == "direct"
    path = tmp_path / "secret"
    path.write_text("from a file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(path))
    assert env_secret(NAME) == "from a file"


def test_a_secret_file_that_is_not_there_is_named_without_its_path(monkeypatch, tmp_path):
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "nothing"))
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE") as refusal:
        env_secret(NAME)
    assert "nothing" not in str(refusal.value)


def test_a_kept_secret_is_made_once_and_is_nobody_elses(tmp_path):
    path = tmp_path / "secrets" / "key"
    made = iter(["first", "second"])
    assert kept_secret(path, lambda: next(made)) == "first"
    assert kept_secret(path, lambda: next(made)) == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
