"""A package is asked for where it is imported: the portal's image carries nothing that the sandbox alone needs."""

from __future__ import annotations

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ("portal", "embedded", "monitoring", "deployments", "catalog", "accounts", "web", "integrations", "sketches")
PROGRAMS = ("sandbox", "serving")


def declared() -> set[str]:
    """The names of the portal's own packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {re.split(r"[\[<>=!~; ]", item)[0] for item in project["dependencies"]}


def imported(rooms: tuple[str, ...]) -> set[str]:
    """The names of the packages that the modules below ``rooms`` import, at their top or late."""
    modules: set[str] = set()
    for path in [path for room in rooms for path in (ROOT / room).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    owners = packages_distributions()
    return {name.lower() for module in modules for name in owners.get(module, [])}


def test_no_package_of_the_portal_is_imported_by_the_programs_beside_it_alone() -> None:
    assert declared() & imported(PROGRAMS) - imported(PORTAL) == set()


def test_there_is_something_to_look_at() -> None:
    assert {"httpx", "celery", "django"} <= declared() & imported(PORTAL)
    assert {"packaging", "mlflow-skinny"} <= imported(PROGRAMS)
