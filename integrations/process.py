"""Child processes that outlive the worker that started them.

Their output goes to files, not to pipes: if the reader of a pipe dies, SIGPIPE kills the writer, and Terraform would
lose its state and keep its lock. Another worker can adopt the process by its pid and start time. Linux only (/proc).
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

_SHORTEST_NAP_S = 0.01
_LONGEST_NAP_S = 0.25
_CANCEL_CHECK_S = 0.5
_SECOND_GRACE_S = 5.0
_DEAD_STATES = frozenset("ZX")

Stream = Literal["out", "err"]
OnLine = Callable[[Stream, str], None]


@dataclass(frozen=True)
class Limits:
    """Time limits of a process in seconds."""

    timeout_s: float
    #: From the first interrupt to the second.
    grace_s: float
    #: From the second interrupt to the kill.
    second_grace_s: float = _SECOND_GRACE_S


@dataclass(frozen=True)
class Ending:
    """How a process ended."""

    #: None for an adopted process: only the parent gets the exit code.
    returncode: int | None
    cancelled: bool
    timed_out: bool


class Process:
    """A process in its own session."""

    def __init__(self, pid: int, started: str, out: Path, err: Path, child: subprocess.Popen[bytes] | None) -> None:
        self.pid = pid
        self.started = started
        self.out = out
        self.err = err
        self._child = child

    @classmethod
    def start(cls, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], out: Path, err: Path) -> Process:
        """Start a process. ``env`` is its whole environment; the output files must not exist. Raises OSError."""
        with _create_private(out) as out_file, _create_private(err) as err_file:
            child = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
                start_new_session=True,
                umask=0o077,
            )
        return cls(child.pid, start_time(child.pid) or "", out, err, child)

    @classmethod
    def adopt(cls, pid: int, started: str, out: Path, err: Path) -> Process:
        """A process that another process started; it may have ended. ``started`` detects a reused pid."""
        return cls(pid, started, out, err, None)

    @property
    def returncode(self) -> int | None:
        return self._child.poll() if self._child else None

    def is_running(self) -> bool:
        if self._child:
            return self._child.poll() is None
        return start_time(self.pid) == self.started

    def interrupt(self) -> None:
        """Send SIGINT to the process only: Terraform stops its plugins itself."""
        if self.is_running():
            _send(self.pid, signal.SIGINT)

    def kill_session(self) -> None:
        """Send SIGKILL to the process and to all processes in its session."""
        if not self.is_running():
            return
        for pid in [*_session_members(self.pid), self.pid]:
            _send(pid, signal.SIGKILL)


class LineTail:
    """Follows a growing file line by line in binary mode: a text reader could break a partly written character."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""

    def lines(self) -> Iterator[str]:
        while chunk := self._file.read(65_536):
            *full, self._rest = (self._rest + chunk).split(b"\n")
            for line in full:
                yield line.decode("utf-8", "replace")

    def last_line(self) -> Iterator[str]:
        """The text after the last newline. Call it after the writer has ended."""
        if self._rest:
            yield self._rest.decode("utf-8", "replace")
        self._rest = b""

    def close(self) -> None:
        self._file.close()


def follow(
    process: Process,
    limits: Limits,
    *,
    on_line: OnLine | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Ending:
    """Wait for the end and pass every line of output to ``on_line``, from the first line on.

    ``should_cancel`` is called at most twice a second. If a callback raises, the process keeps running and can be
    adopted later.
    """
    tails: dict[Stream, LineTail] = {"out": LineTail(process.out), "err": LineTail(process.err)}
    stopper = _Stopper(process, limits)
    nap_s = _SHORTEST_NAP_S
    try:
        while process.is_running():
            nap_s = _SHORTEST_NAP_S if _drain(tails, on_line) else min(nap_s * 1.5, _LONGEST_NAP_S)
            stopper.step(should_cancel)
            time.sleep(nap_s)
        _drain(tails, on_line)
        _drain_rest(tails, on_line)
    finally:
        for tail in tails.values():
            tail.close()
    return Ending(process.returncode, cancelled=stopper.cancelled, timed_out=stopper.timed_out)


@dataclass
class _Stopper:
    """Stops a process in steps: interrupt, wait, interrupt again, wait, kill."""

    process: Process
    limits: Limits
    cancelled: bool = False
    timed_out: bool = False
    _began: float = field(default_factory=time.monotonic)
    _next_check: float = 0.0
    _next_step: float = 0.0
    _signals: int = 0

    def step(self, should_cancel: Callable[[], bool] | None) -> None:
        now = time.monotonic()
        if self._signals:
            if now >= self._next_step:
                self._escalate(now)
            return
        self.timed_out = now - self._began > self.limits.timeout_s
        if should_cancel and now >= self._next_check:
            self._next_check = now + _CANCEL_CHECK_S
            self.cancelled = should_cancel()
        if self.timed_out or self.cancelled:
            self._escalate(now)

    def _escalate(self, now: float) -> None:
        self._signals += 1
        if self._signals <= 2:
            self.process.interrupt()
        else:
            self.process.kill_session()
        self._next_step = now + (self.limits.grace_s if self._signals == 1 else self.limits.second_grace_s)


def start_time(pid: int) -> str | None:
    """Boot id and clock tick of the process' start; None if the process does not exist or has ended."""
    fields = _stat_fields(pid)
    if fields is None or fields[0] in _DEAD_STATES:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[19]}"


def find_by_output(out: Path) -> int | None:
    """The pid of the process whose standard output is ``out``; None if there is none."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _links_to(entry / "fd" / "1", out):
            return int(entry.name)
    return None


def _links_to(link: Path, target: Path) -> bool:
    try:
        return os.readlink(link) == str(target)
    except OSError:
        return False


def _stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from ``state`` on. The name before it may contain spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _session_members(session: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat_fields(pid)) and fields[3] == str(session)]


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _create_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _drain(tails: Mapping[Stream, LineTail], on_line: OnLine | None) -> int:
    count = 0
    for stream, tail in tails.items():
        for line in tail.lines():
            count += 1
            if on_line:
                on_line(stream, line)
    return count


def _drain_rest(tails: Mapping[Stream, LineTail], on_line: OnLine | None) -> None:
    for stream, tail in tails.items():
        for line in tail.last_line():
            if on_line:
                on_line(stream, line)
