"""The end of what a task printed."""

from __future__ import annotations

from sandbox.jobs.execution.output import bound, tail


def test_an_output_that_grows_too_long_keeps_its_end_and_its_writer(tmp_path):
    path = tmp_path / "output.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"a" * 100 + b"b" * 20)
        bound(path, largest_bytes=119, kept_bytes=30)
        assert path.read_bytes() == b"a" * 10 + b"b" * 20
        writer.write(b"c" * 5)
    assert tail(path, limit_bytes=6) == ("bccccc", True)


def test_an_output_that_is_short_or_missing_stays_as_it_is(tmp_path):
    path = tmp_path / "output.log"
    bound(path, largest_bytes=10, kept_bytes=5)
    assert tail(path) == ("", False)
    path.write_bytes("grün".encode())
    bound(path, largest_bytes=10, kept_bytes=5)
    assert tail(path) == ("grün", False)
    assert tail(path, limit_bytes=2) == ("\ufffdn", True)
