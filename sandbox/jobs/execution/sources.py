"""Where the script of a task lies on this machine, and whether what it depends on is there."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from sandbox.files.places import Places
from sandbox.identity.principals import Principal
from sandbox.mlflow import artifacts
from sandbox.web.errors import ApiError, not_found
from sandbox.workspace_files.tree import FILE, WorkspaceFiles

DBFS = "dbfs:"
MLFLOW_DBFS = "dbfs:/databricks/mlflow-tracking/"


class Sources:
    """Every method raises ApiError and may block."""

    def __init__(self, workspace_files: WorkspaceFiles, places: Places, artifacts_dir: Path) -> None:
        self._workspace_files = workspace_files
        self._places = places
        self._artifacts_dir = artifacts_dir

    def locate(self, python_file: str, who: Principal) -> Path:
        """A workspace file, a file of a volume (`/Volumes/...`, `dbfs:/Volumes/...`) or an artifact of MLflow."""
        found = self._path_of(python_file, who)
        if not found.is_file():
            raise not_found(f"{python_file} is not there.")
        return found

    def _path_of(self, python_file: str, who: Principal) -> Path:
        if python_file.startswith(MLFLOW_DBFS):
            return artifacts.local_path(self._artifacts_dir, artifacts.for_server(python_file))
        path = python_file.removeprefix(DBFS)
        if path.startswith("/Volumes/"):
            return self._places.readable(path)
        if path != python_file:
            raise not_found(f"{python_file} is not there: the sandbox has no DBFS root.")
        if self._workspace_files.get(path, who).object_type != FILE:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"{python_file} is no file.")
        return self._workspace_files.local_path(path, who)


def missing_dependencies(lines: Sequence[str]) -> list[str]:
    """Those that are not installed here, in any version. A workspace would install them; the sandbox does not."""
    return [line for line in lines if not _is_installed(line)]


def _is_installed(line: str) -> bool:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False  # a wheel, a file of requirements or an option of pip
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
