"""Small functions and small files: a reader holds one of them in mind at a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "accounts",
    "bench",
    "blueprints",
    "catalog",
    "deployments",
    "embedded",
    "integrations",
    "monitoring",
    "portal",
    "sandbox",
    "serving",
    "sketches",
    "static",
    "terraform",
    "tests",
    "web",
    "requirements",
)
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
LEFT_OUT = {"migrations", ".venv", "node_modules", "vendor", "__pycache__"}


def python_files() -> list[Path]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return [path for path in files if not LEFT_OUT & set(path.relative_to(ROOT).parts)]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(source: str) -> list[str]:
    """ "name (lines)" of every function over the cap, decorators not counted."""
    sizes = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions(ast.parse(source))}
    return [f"{name} ({lines} lines)" for name, lines in sizes.items() if lines > MAX_FUNCTION_LINES]


def test_no_function_is_longer_than_the_cap() -> None:
    offenders = {str(path.relative_to(ROOT)): found for path in python_files() if (found := too_long(path.read_text()))}
    assert offenders == {}


def test_no_file_is_longer_than_the_cap() -> None:
    sizes = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in python_files()}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_FILE_LINES} == {}


def test_every_room_is_looked_at() -> None:
    seen = {path.relative_to(ROOT).parts[0] for path in python_files()}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - seen == set()


@pytest.mark.parametrize(("body_lines", "expected"), [(MAX_FUNCTION_LINES - 1, 0), (MAX_FUNCTION_LINES, 1)])
def test_the_cap_counts_the_line_with_the_name(body_lines: int, expected: int) -> None:
    source = "def f():\n" + "    pass\n" * body_lines
    assert len(too_long(source)) == expected
