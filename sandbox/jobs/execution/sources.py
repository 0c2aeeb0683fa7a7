"""Finds the script of a task on this machine, and checks that its dependencies are installed."""

from __future__ import annotations

import importlib.metadata
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
    """Every method can raise ApiError, and can block."""

    def __init__(self, workspace_files: WorkspaceFiles, places: Places, artifacts_dir: Path) -> None:
        self._workspace_files = workspace_files
        self._places = places
        self._artifacts_dir = artifacts_dir

    def locate(self, python_file: str, who: Principal) -> Path:
        """The path of a workspace file, a volume's file (`/Volumes/...`, `dbfs:/Volumes/...`) or an MLflow artifact."""
        found = self._path_of(python_file, who)
        if not found.is_file():
            raise not_found(f"{python_file} does not exist.")
        return found

    def _path_of(self, python_file: str, who: Principal) -> Path:
        if python_file.startswith(MLFLOW_DBFS):
            return artifacts.local_path(self._artifacts_dir, artifacts.for_server(python_file))
        path = python_file.removeprefix(DBFS)
        if path.startswith("/Volumes/"):
            return self._places.readable(path)
        if path != python_file:
            raise not_found(f"{python_file} does not exist: the sandbox has no DBFS root.")
        if self._workspace_files.get(path, who).object_type != FILE:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"{python_file} is not a file.")
        return self._workspace_files.local_path(path, who)


def is_installed(line: str) -> bool:
    """Whether any version of the requirement is installed. Unlike a workspace, the sandbox installs nothing."""
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
