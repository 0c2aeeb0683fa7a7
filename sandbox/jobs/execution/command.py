"""How a task's process is started: the sandbox's own Python and an environment of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
# Output is seen while the task runs, in one encoding; scripts leave no byte code among the workspace's files.
PLAIN_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # What a script prints is its result; this of pyspark says nothing about the script.
    "PYTHONWARNINGS": "ignore:PySpark does not yet fully support pandas:FutureWarning",
}


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


@dataclass(frozen=True)
class Visit:
    """How a script reaches the workspace while it runs: ``spark_remote`` is an address of Spark Connect."""

    host: str
    token: str = field(repr=False)
    spark_remote: str


def task_environment(inherited: Mapping[str, str], places: TaskPlaces, visit: Visit) -> dict[str, str]:
    """Of the sandbox's own environment only PATH is passed on."""
    return {
        "PATH": inherited.get("PATH", ""),
        "HOME": str(places.home),
        "TMPDIR": str(places.home),
        "DATABRICKS_HOST": visit.host,
        "DATABRICKS_TOKEN": visit.token,
        "SPARK_REMOTE": visit.spark_remote,
        "MLFLOW_TRACKING_URI": "databricks",
        "MLFLOW_REGISTRY_URI": "databricks-uc",
        **PLAIN_PYTHON,
        **QUIET,
    }
