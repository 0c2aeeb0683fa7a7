"""Processes of this machine, as tests look at them."""

from __future__ import annotations

from pathlib import Path


def is_running(pid: int) -> bool:
    """False for a process that ended, also while its parent has not waited for it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
