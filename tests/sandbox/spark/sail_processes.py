"""The Sail servers of a sandbox."""

from __future__ import annotations

from tests.processes import children_of, command_of
from tests.sandbox.running import RunningSandbox


def sail_of(sandbox: RunningSandbox) -> list[int]:
    """The process ids of its live Sail servers."""
    return [pid for pid in children_of(sandbox.process.pid) if b"pysail" in command_of(pid)]
