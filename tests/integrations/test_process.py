"""Processes that outlive their starter."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from integrations.process import Limits, LineTail, Process, find_by_output, follow, start_time
from tests.waiting import wait_until

PATIENT = Limits(timeout_s=30, grace_s=10)
ENV = {"PATH": "/usr/bin:/bin"}
# Tells that it is ready, then answers an interrupt with what its argument says.
STUBBORN = """
import signal, sys
def answer(number, frame):
    print("interrupted", flush=True)
    if sys.argv[1] == "yields":
        sys.exit(3)
signal.signal(signal.SIGINT, answer)
print("ready", flush=True)
while True:
    signal.pause()
"""


def start(tmp_path: Path, *argv: str) -> Process:
    return Process.start(argv, cwd=tmp_path, env=ENV, out=tmp_path / "out", err=tmp_path / "err")


def start_stubborn(tmp_path: Path, behaviour: str) -> Process:
    process = start(tmp_path, sys.executable, "-c", STUBBORN, behaviour)
    wait_until(lambda: "ready" in process.out.read_text(), timeout_s=10)
    return process


def test_lines_come_whole_and_in_order_with_the_exit_code(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "printf 'gr\\303\\274n\\nlast'; echo oops >&2; exit 4")
    lines: list[tuple[str, str]] = []
    ending = follow(process, PATIENT, on_line=lambda stream, text: lines.append((stream, text)))
    assert (ending.returncode, ending.cancelled, ending.timed_out) == (4, False, False)
    assert [text for stream, text in lines if stream == "out"] == ["grün", "last"]
    assert [text for stream, text in lines if stream == "err"] == ["oops"]


def test_the_output_files_are_private_and_the_environment_is_only_what_was_given(tmp_path: Path) -> None:
    process = start(tmp_path, "sh", "-c", "touch made; env")
    follow(process, PATIENT)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "out": 0o600, "err": 0o600, "made": 0o600
    }  # fmt: skip
    names = {line.partition("=")[0] for line in process.out.read_text().splitlines()}
    assert names <= {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}


def test_an_output_file_is_never_overwritten(tmp_path: Path) -> None:
    follow(start(tmp_path, "true"), PATIENT)
    with pytest.raises(FileExistsError):
        start(tmp_path, "true")


def test_a_program_that_does_not_exist_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(tmp_path, str(tmp_path / "none"))


def test_a_cancel_is_one_interrupt_when_the_process_yields(tmp_path: Path) -> None:
    process = start_stubborn(tmp_path, "yields")
    ending = follow(process, PATIENT, should_cancel=lambda: True)
    assert (ending.returncode, ending.cancelled) == (3, True)
    assert process.out.read_text().count("interrupted") == 1


def test_a_process_that_does_not_yield_is_killed_with_all_its_session(tmp_path: Path) -> None:
    script = f"{sys.executable} -c '{STUBBORN}' never & echo $! > child; exec {sys.executable} -c '{STUBBORN}' never"
    process = start(tmp_path, "sh", "-c", script)
    wait_until(lambda: process.out.read_text().count("ready") == 2, timeout_s=10)
    child = int((tmp_path / "child").read_text())
    assert start_time(child)
    limits = Limits(timeout_s=0.1, grace_s=0.3, second_grace_s=0.3)
    ending = follow(process, limits)
    assert (ending.returncode, ending.timed_out) == (-9, True)
    assert process.out.read_text().count("interrupted") == 2
    wait_until(lambda: start_time(child) is None, timeout_s=5)


def test_an_adopted_process_is_followed_from_its_first_line(tmp_path: Path) -> None:
    started = start_stubborn(tmp_path, "yields")
    adopted = Process.adopt(started.pid, started.started, started.out, started.err)
    assert adopted.is_running()
    assert find_by_output(started.out) == started.pid
    lines: list[str] = []
    reaper = threading.Thread(target=follow, args=(started, PATIENT))
    reaper.start()
    ending = follow(
        adopted, PATIENT, on_line=lambda _, text: lines.append(text), should_cancel=lambda: "ready" in lines
    )
    reaper.join()
    assert (ending.returncode, ending.cancelled) == (None, True)
    assert lines == ["ready", "interrupted"]
    assert not adopted.is_running()
    assert find_by_output(started.out) is None


def test_a_reused_pid_is_not_taken_for_the_process(tmp_path: Path) -> None:
    other = Process.adopt(os.getpid(), "another boot:1", tmp_path / "out", tmp_path / "err")
    assert not other.is_running()
    other.interrupt()
    other.kill_session()


def test_an_error_of_the_callback_leaves_the_process_running(tmp_path: Path) -> None:
    process = start_stubborn(tmp_path, "yields")

    def fail(stream: str, text: str) -> None:
        raise LookupError(text)

    with pytest.raises(LookupError):
        follow(process, PATIENT, on_line=fail)
    assert process.is_running()
    process.interrupt()
    assert follow(process, PATIENT).returncode == 3


def test_a_tail_holds_back_a_line_until_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb", buffering=0) as file:
        tail = LineTail(path)
        file.write("one\nzwö".encode()[:-1])
        assert list(tail.lines()) == ["one"]
        file.write("ö\n".encode()[1:])
        assert list(tail.lines()) == ["zwö"]
        assert list(tail.last_line()) == []
        tail.close()
