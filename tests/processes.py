"""Processes of this machine, as tests look at them: any of them may end at any moment."""

from __future__ import annotations

import os
from pathlib import Path

# Fields of /proc/PID/stat after the name of the program: see man 5 proc.
STATE, PARENT, USER, SYSTEM = 0, 1, 11, 12


def is_running(pid: int) -> bool:
    """False for a process that ended, also while its parent has not waited for it."""
    return stat(pid)[STATE] != "Z"


def children_of(pid: int) -> list[int]:
    """The live processes that it started, in no order."""
    found = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return [child for child in found if is_running(child) and stat(child)[PARENT] == str(pid)]


def command_of(pid: int) -> bytes:
    """Its arguments, each ended by a zero byte; nothing of a process that ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def cpu_s(pid: int) -> float:
    """Seconds of a core that its threads used so far, without children."""
    fields = stat(pid)
    return (int(fields[USER]) + int(fields[SYSTEM])) / os.sysconf("SC_CLK_TCK")


def stat(pid: int) -> list[str]:
    """The state and what follows it; a process that is gone reads like one that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["Z", *["0"] * SYSTEM]
