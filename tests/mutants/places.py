"""Where things are: the one place of a mutant in the product, and the modules of its tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
NOT_PRODUCT = frozenset({"tests", "bench"})
TEST = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class NoPlace(Exception):
    """A mutant's text is nowhere in the product, or in several places."""


@dataclass(frozen=True)
class Place:
    """The characters ``[start, end)`` of the module ``path``, which is relative to the root of the tree."""

    path: Path
    start: int
    end: int

    def mutated(self, source: str, replacement: str) -> str:
        return source[: self.start] + replacement + source[self.end :]


class Product:
    """The modules of the product: all of its top-level packages but the tests and benchmarks."""

    def __init__(self, root: Path = ROOT) -> None:
        packages = sorted(path.parent for path in root.glob("*/__init__.py") if path.parent.name not in NOT_PRODUCT)
        paths = [path for package in packages for path in sorted(package.rglob("*.py"))]
        self.sources = {path.relative_to(root): path.read_text("utf-8") for path in paths}
        self._definitions: dict[Path, list[tuple[str, Definition]]] = {}

    def place_of(self, mutant: Mutant) -> Place:
        """Raises NoPlace unless there is exactly one."""
        found = [place for path in self.sources for place in self._places(path, mutant)]
        if len(found) != 1:
            where = ", ".join(str(place.path) for place in found) or "no module"
            raise NoPlace(f"{mutant.key}: {mutant.text!r} in {mutant.function} stands in {where}")
        return found[0]

    def _places(self, path: Path, mutant: Mutant) -> Iterator[Place]:
        source, name = self.sources[path], mutant.function.rpartition(".")[2]
        # Parsing is the slow part: only modules that may have it.
        if mutant.text not in source or name not in source:
            return
        for qualified, node in self._definitions_in(path):
            if not f".{qualified}".endswith(f".{mutant.function}"):
                continue
            start, end = _span(source, node)
            for match in re.finditer(re.escape(mutant.text), source[start:end]):
                yield Place(path, start + match.start(), start + match.end())

    def _definitions_in(self, path: Path) -> list[tuple[str, Definition]]:
        if path not in self._definitions:
            self._definitions[path] = list(_definitions(ast.parse(self.sources[path]), ""))
        return self._definitions[path]


def _definitions(node: ast.AST, within: str) -> Iterator[tuple[str, Definition]]:
    """(qualified name, node) of every function and class below ``node``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            yield within + child.name, child
            yield from _definitions(child, f"{within}{child.name}.")
        else:
            yield from _definitions(child, within)


def _span(source: str, node: Definition) -> tuple[int, int]:
    """The characters of the whole lines of a definition, without its decorators."""
    lines = source.split("\n")
    start = sum(len(line) + 1 for line in lines[: node.lineno - 1])
    return start, start + sum(len(line) + 1 for line in lines[node.lineno - 1 : node.end_lineno])


def modules_of_tests(root: Path = ROOT) -> dict[str, list[Path]]:
    """{name of a test function: modules that have one}, relative to the root of the tree."""
    found: dict[str, list[Path]] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for name in TEST.findall(path.read_text("utf-8")):
            found.setdefault(name, []).append(path.relative_to(root))
    return found
