"""The command line and environment of a task's process, which uses the sandbox's own Python."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launcher.py")
# Unbuffered output in UTF-8, and no byte code among the workspace's files.
PLAIN_PYTHON = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # The output of a script is its result. This warning of pyspark is noise.
    "PYTHONWARNINGS": "ignore:PySpark does not yet fully support pandas:FutureWarning",
}


@dataclass(frozen=True)
class TaskPlaces:
    """The files of one attempt: a private home directory for the script, and its output and report."""

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
    """How a running script reaches the workspace."""

    host: str
    token: str = field(repr=False)
    #: An address of Spark Connect.
    spark_remote: str


def task_environment(inherited: Mapping[str, str], places: TaskPlaces, visit: Visit) -> dict[str, str]:
    """The variables of the process. Only PATH is inherited from the sandbox."""
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
