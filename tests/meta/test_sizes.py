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
    "web",
)
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400
LEFT_OUT = {"migrations", ".venv", "node_modules", "vendor", "__pycache__"}


def python_files() -> list[Path]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return [path for path in files if not LEFT_OUT & set(path.relative_to(ROOT).parts)]


def functions(node: ast.AST, place: str = "") -> Iterator[tuple[str, int]]:
    """Qualified name and lines of every function below ``node``, decorators not counted.

    A name may come twice, as a property and its setter have one name.
    """
    for child in ast.iter_child_nodes(node):
        inside = place
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{place}{child.name}."
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{place}{child.name}", (child.end_lineno or child.lineno) - child.lineno + 1
        yield from functions(child, inside)


def too_long(source: str) -> list[str]:
    """ "qualified name (lines)" of every function over the cap."""
    sizes = functions(ast.parse(source))
    return [f"{name} ({lines} lines)" for name, lines in sizes if lines > MAX_FUNCTION_LINES]


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


def test_a_short_method_hides_no_long_one_of_the_same_name() -> None:
    long, short = "    pass\n" * MAX_FUNCTION_LINES, "    pass\n"
    indented = "".join(f"    {line}\n" for line in long.splitlines())
    source = f"class A:\n    def f(self):\n{indented}class B:\n    def f(self):\n    {short}def f():\n{short}"
    assert too_long(source) == [f"A.f ({MAX_FUNCTION_LINES + 1} lines)"]


def test_a_setter_and_a_nested_function_are_counted_by_themselves() -> None:
    long = "".join("            pass\n" for _ in range(MAX_FUNCTION_LINES))
    source = (
        f"class A:\n    @property\n    def f(self):\n        def inner():\n{long}        return inner\n"
        "    @f.setter\n    def f(self, value):\n        pass\n"
    )
    assert [found.partition(" ")[0] for found in too_long(source)] == ["A.f", "A.f.inner"]
