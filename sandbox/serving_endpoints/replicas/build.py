"""The build of a served entity: checks the model as a container build would, and logs the result."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import yaml
from packaging.requirements import InvalidRequirement, Requirement


class BuildError(Exception):
    """The entity cannot be built. The message is for users."""


class BuildLog:
    """Appends lines with UTC times to a file (0600) that is kept after the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.touch(mode=0o600)

    def line(self, text: str) -> None:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"[{stamp}] {text}\n")


def inspect_model(model_path: Path, log: BuildLog) -> None:
    """Checks the MLmodel file and the requirements. Raises BuildError.

    Mismatched packages are only logged: a workspace would install the required versions, the sandbox uses its own.
    """
    flavors = _read_flavors(model_path)
    log.line(f"Found MLmodel with flavors {', '.join(sorted(flavors))}.")
    if "python_function" not in flavors:
        raise BuildError("The model has no python_function flavor and cannot be served.")
    lines = _requirement_lines(model_path)
    log.line(f"Checking {len(lines)} requirements.")
    mismatches = [mismatch for line in lines if (mismatch := _mismatch(line))]
    for mismatch in mismatches:
        log.line(f"WARNING: {mismatch}")
    log.line("Requirements checked." if mismatches else "Requirements are satisfied.")


def _read_flavors(model_path: Path) -> dict[str, object]:
    try:
        document = yaml.safe_load((model_path / "MLmodel").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BuildError(f"The MLmodel file cannot be read: {error}") from error
    flavors = document.get("flavors") if isinstance(document, dict) else None
    if not isinstance(flavors, dict):
        raise BuildError("The MLmodel file names no flavors.")
    return flavors


def _requirement_lines(model_path: Path) -> list[str]:
    path = model_path / "requirements.txt"
    if not path.is_file():
        return []
    lines = (line.partition(" #")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def _mismatch(line: str) -> str | None:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return f"'{line}' is not a requirement that can be checked."
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    try:
        installed = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed; the model asks for '{line}'."
    if requirement.specifier.contains(installed, prereleases=True):
        return None
    return f"{requirement.name} {installed} is installed; the model asks for '{line}'."


def tail(path: Path, limit_bytes: int = 256 * 1024) -> str:
    """The end of a log, cut at the start of a line; "" if the log does not exist."""
    return "".join(_tail_lines(path, limit_bytes))


def _tail_lines(path: Path, limit_bytes: int) -> Iterator[str]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        skipped = max(path.stat().st_size - limit_bytes, 0)
        file.seek(skipped)
        if skipped:
            file.readline()
        for line in file:
            yield line.decode("utf-8", errors="replace")
