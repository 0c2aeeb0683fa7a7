"""The result of a task: the end of its output, and its error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sandbox.jobs.execution.command import TaskPlaces
from sandbox.jobs.records import TaskRun

LOG_LIMIT_BYTES = 5 * 1024 * 1024
# Output larger than the first size is cut to the second, which is more than the API returns.
LARGEST_OUTPUT_BYTES = 64 * 1024 * 1024
KEPT_OUTPUT_BYTES = LOG_LIMIT_BYTES + 1024 * 1024


def run_output(task: TaskRun, places: TaskPlaces, metadata: dict[str, Any]) -> dict[str, Any]:
    """RunOutput."""
    logs, is_truncated = tail(places.output)
    view = {"metadata": metadata, "logs": logs, "logs_truncated": is_truncated}
    if task.error:
        view["error"] = task.error
    elif task.state.is_finished and not task.state.is_good:
        view["error"] = task.state.message
    return view | ({"error_trace": task.error_trace} if task.error_trace else {})


def tail(path: Path, limit_bytes: int = LOG_LIMIT_BYTES) -> tuple[str, bool]:
    """The last bytes of a file as text, and whether the file is longer; ("", False) if it does not exist."""
    try:
        with path.open("rb") as file:
            skipped = max(path.stat().st_size - limit_bytes, 0)
            file.seek(skipped)
            return file.read(limit_bytes).decode("utf-8", errors="replace"), skipped > 0
    except FileNotFoundError:
        return "", False


def bound(path: Path, largest_bytes: int = LARGEST_OUTPUT_BYTES, kept_bytes: int = KEPT_OUTPUT_BYTES) -> None:
    """Truncates a file from the front while a process appends to it. Concurrent writes can be lost."""
    if not path.exists() or path.stat().st_size <= largest_bytes:
        return
    with path.open("rb") as file:
        file.seek(-kept_bytes, os.SEEK_END)
        rest = file.read(kept_bytes)
    os.truncate(path, 0)
    with path.open("ab") as file:
        file.write(rest)
