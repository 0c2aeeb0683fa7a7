"""Run the tests of each mutant in a copy of the tree, two mutants at a time, and judge what pytest says."""

from __future__ import annotations

import itertools
import os
import queue
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.lane import Request
from tests.mutants.mutant import Mutant
from tests.mutants.places import ROOT, Place, Product, modules_of_tests

LANES = 2
DATABASE = "test.sqlite3"
LIMIT_S, LIMIT_OF_ALL_S = 300, 1800
# The kept database has its tables. A test that hangs fails after two minutes.
OF_MUTANTS = ("-x", "--reuse-db", "--no-migrations", "--timeout", "120")
FAILED = re.compile(r"^FAILED (\S+::\S+?)(?:\[.*?\])?(?: - (.*))?$", re.MULTILINE)
# An error in the mutant itself proves nothing about the tests.
NOT_RUNNING = re.compile(r"^(Import|ModuleNotFound|Name|UnboundLocal|Syntax|Indentation)Error\b")


class Verdict(StrEnum):
    CAUGHT = "caught"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"


@dataclass(frozen=True)
class Outcome:
    """``text``: the test that noticed it and how, or what went wrong."""

    mutant: Mutant
    verdict: Verdict
    text: str
    seconds: float


class BaselineFailed(Exception):
    """The mutants' tests fail, or cannot run, without a mutant. The message is pytest's output."""


class Lane:
    """A copy of the tree below ``home`` with a process that runs tests in it."""

    def __init__(self, home: Path) -> None:
        self.tree, self.var = home / "tree", home / "var"
        self._later_s = itertools.count(10)
        self._output, self._temporary = home / "output", home / "tmp"
        self.var.mkdir(parents=True, exist_ok=True)
        # SQLite, so that a database can be put back by copying a file.
        settings = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PYTEST_ADDOPTS")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.lane"],
            cwd=self.tree,
            env={**settings, "VAR_DIR": str(self.var), "COLUMNS": "500", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *arguments: str, modules: str = "", limit_s: int = LIMIT_S) -> tuple[int, str]:
        """The exit code of pytest, and what it said."""
        # In a directory of its own: a fork removes no temporary files.
        arguments = (*arguments, "--basetemp", str(self._temporary))
        code = self._ask(Request(arguments, str(self._output), modules, limit_s=limit_s))
        return code, self._output.read_text("utf-8", "replace")

    def preload(self, names: Sequence[str]) -> None:
        self._ask(Request(preload=tuple(names)))

    def _ask(self, request: Request) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request.as_line())
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise BaselineFailed(f"The process that runs tests in {self.tree} has ended.")
        return int(answer)

    def close(self) -> None:
        """The process ends with its input."""
        self._process.communicate()

    @contextmanager
    def mutated(self, place: Place, replacement: str) -> Iterator[None]:
        path = self.tree / place.path
        source, times = path.read_text("utf-8"), path.stat()
        path.write_text(place.mutated(source, replacement), "utf-8")
        # Bytecode is known by the second and the size of its source: two mutants of a file may share both.
        os.utime(path, (times.st_atime, times.st_mtime + next(self._later_s)))
        try:
            yield
        finally:
            path.write_text(source, "utf-8")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


class Trial:
    """Two lanes that try ``mutants``. Use it as a context manager and call ``prove_tests`` first."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self.mutants, self._product = mutants, Product()
        modules = modules_of_tests()
        named = sorted({name for mutant in mutants for name in mutant.tests})
        self._nodes = {name: [f"{path}::{name}" for path in modules.get(name, [])] for name in named}
        self._stack = ExitStack()
        self._lanes: queue.Queue[Lane] = queue.Queue()

    def __enter__(self) -> Trial:
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-mutants-")))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prove_tests(self) -> int:
        """Run the tests of all mutants on the unchanged tree; returns how many passed. Raises BaselineFailed."""
        _copy_tree(self._home / "0" / "tree")
        first = self._open(0)
        names = self._home / "modules"
        every = self._node_ids(self._nodes)
        code, output = first.run(*every, "--create-db", "--reuse-db", modules=str(names), limit_s=LIMIT_OF_ALL_S)
        if code:
            raise BaselineFailed(output)
        _keep_database(first.var / DATABASE, self._home / DATABASE)
        for number in range(1, LANES):
            shutil.copytree(first.tree, self._home / str(number) / "tree")
            self._open(number)
        lanes = [self._lanes.get() for _ in range(LANES)]
        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(lambda lane: lane.preload(names.read_text("utf-8").split("\n")), lanes))
        for lane in lanes:
            self._lanes.put(lane)
        passed = re.search(r"(\d+) passed", output)
        return int(passed[1]) if passed else 0

    def outcomes(self) -> Iterator[Outcome]:
        """One outcome for each mutant, in the order of the mutants."""
        with ThreadPoolExecutor(LANES) as pool:
            yield from pool.map(self._tried, self.mutants)

    def _open(self, number: int) -> Lane:
        lane = Lane(self._home / str(number))
        self._stack.callback(lane.close)
        self._lanes.put(lane)
        return lane

    def _node_ids(self, names: Sequence[str] | dict[str, list[str]]) -> list[str]:
        """Raises BaselineFailed for a test that does not exist."""
        if missing := [name for name in names if not self._nodes[name]]:
            raise BaselineFailed(f"There are no such tests: {', '.join(missing)}")
        return [node for name in names for node in self._nodes[name]]

    def _tried(self, mutant: Mutant) -> Outcome:
        lane, began = self._lanes.get(), time.monotonic()
        try:
            place = self._product.place_of(mutant)
            for path in lane.var.glob(f"{DATABASE}*"):
                path.unlink()
            shutil.copy(self._home / DATABASE, lane.var / DATABASE)
            with lane.mutated(place, mutant.replacement):
                code, output = lane.run(*OF_MUTANTS, *self._node_ids(mutant.tests))
        finally:
            self._lanes.put(lane)
        return Outcome(mutant, *_judged(code, output), time.monotonic() - began)


def _keep_database(source: Path, target: Path) -> None:
    """Copy the write-ahead log's content too: the process that wrote the database did not close it."""
    with closing(sqlite3.connect(source)) as used, closing(sqlite3.connect(target)) as kept:
        used.backup(kept)


def _copy_tree(target: Path) -> None:
    """Copy tracked and untracked files, but nothing that git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _judged(code: int, output: str) -> tuple[Verdict, str]:
    if code == 0:
        return Verdict.SURVIVED, "all of its tests pass"
    failed = FAILED.search(output)
    if code != 1 or failed is None:
        return Verdict.BROKEN, "\n".join(output.strip().split("\n")[-15:])
    if NOT_RUNNING.match(failed[2] or ""):
        return Verdict.BROKEN, failed[2]
    return Verdict.CAUGHT, f"{failed[1].rpartition('::')[2]}: {failed[2] or ''}"
