"""An app uses another through few doors: models, services, permissions and the like, or what a package exports.

``FACES`` are modules that another app may import from. An import from a package is one from its face if the package's
``__init__`` has the name. Every other import statement that reaches from one app into another counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "embedded", "monitoring", "deployments", "catalog", "accounts")
FACES = {"models", "services", "rules", "states", "statuses", "roles", "permissions", "specs"}
AT_MOST = 15


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the module of each absolute import of a file; for a name that is a module itself, that module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = {module_of(node.module, alias.name) for alias in node.names}
            yield from ((node.lineno, module) for module in sorted(modules))


def module_of(package: str, name: str) -> str:
    folder = ROOT.joinpath(*package.split("."))
    return f"{package}.{name}" if (folder / f"{name}.py").is_file() or (folder / name).is_dir() else package


def is_a_face(module: str) -> bool:
    """A package is a face: what it does not export cannot be imported from it."""
    return module.rpartition(".")[2] in FACES or ROOT.joinpath(*module.split(".")).is_dir()


def reaches_past_the_faces() -> list[str]:
    found = []
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            for line, module in imports(path):
                other = module.partition(".")[0]
                if other in APPS and other != app and not is_a_face(module):
                    found.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    return found


def test_apps_reach_into_each_other_through_their_faces() -> None:
    found = reaches_past_the_faces()
    assert len(found) <= AT_MOST, "\n".join(found)


def test_an_import_of_an_inner_module_is_no_face() -> None:
    assert is_a_face("accounts.teams.permissions")
    assert is_a_face("deployments.policies")
    assert not is_a_face("deployments.pages.forms")
