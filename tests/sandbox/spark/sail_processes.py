"""The Sail servers of a sandbox."""

from __future__ import annotations

from pathlib import Path

from tests.sandbox.running import RunningSandbox


def sail_of(sandbox: RunningSandbox) -> list[int]:
    """The process ids of its live Sail servers."""
    tasks = Path(f"/proc/{sandbox.process.pid}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [int(child) for child in children if b"pysail" in Path(f"/proc/{child}/cmdline").read_bytes()]
