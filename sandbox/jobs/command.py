"""How a task's process is started: the sandbox's own Python and an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
# Output is seen while the task runs, in one encoding; scripts leave no byte code among the workspace's files.
PLAIN_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True)
class TaskPlaces:
    """Where one attempt has its files: a private directory for the script, output and report beside it."""

    directory: Path

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def output(self) -> Path:
        return self.directory / "output.log"

    @property
    def report(self) -> Path:
        return self.directory / "report.json"


def task_argv(places: TaskPlaces, script: Path, parameters: Sequence[str]) -> list[str]:
    return [sys.executable, str(LAUNCHER), str(places.report), str(script), *parameters]


def task_environment(inherited: Mapping[str, str], places: TaskPlaces, host: str, token: str) -> dict[str, str]:
    """Of the sandbox's own environment only PATH is passed on."""
    return {
        "PATH": inherited.get("PATH", ""),
        "HOME": str(places.home),
        "TMPDIR": str(places.home),
        "DATABRICKS_HOST": host,
        "DATABRICKS_TOKEN": token,
        "MLFLOW_TRACKING_URI": "databricks",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
        **PLAIN_PYTHON,
        **QUIET,
    }
