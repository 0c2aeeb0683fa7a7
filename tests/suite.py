"""``python -m tests.suite``: the whole suite on PostgreSQL, then on SQLite what differs there.

``python -m tests.suite long`` runs what takes too long for every change: single tests of more than 20 s, and every
fault in every stage. Stops at the first of the two that fails: the last lines are always those of pytest.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests import chromium
from tests.postgres import NoPostgres, cluster

OF_JOBS = ("pyspark", "pysail", "grpc", "google.protobuf", "lightgbm")
ROOT = Path(__file__).resolve().parent.parent
LONG = "long or matrix"
# What make check runs is left out.
USUAL = f"not ({LONG} or architecture)"


def main() -> int:
    if not find_browser():
        return 1
    is_long = sys.argv[1:] == ["long"]
    try:
        return long_tests() if is_long else usual_tests()
    except NoPostgres as error:
        print(error, file=sys.stderr)
        return 1


def usual_tests() -> int:
    compile_packages()
    with cluster() as url:
        say("the suite on PostgreSQL; make long runs what takes too long for every change")
        if code := pytest("-m", USUAL, "--ledger", "postgresql", DATABASE_URL=url):
            return code
    say("on SQLite, what differs there")
    # Which database it is makes no difference to what is asked of a sandbox or shown by a browser.
    return pytest("-m", f"sqlite and not xdist_group and {USUAL}", "--ledger", "sqlite", *modules_that_differ())


def long_tests() -> int:
    with cluster() as url:
        say("what takes too long for every change, on PostgreSQL")
        if code := pytest("-m", LONG, DATABASE_URL=url):
            return code
    say("on SQLite, what differs there")
    return pytest("-m", f"sqlite and ({LONG})", *modules_that_differ())


def modules_that_differ() -> list[str]:
    """Modules with the marker: to import all others takes half a minute."""
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    return [str(path.relative_to(ROOT)) for path in tests if "mark.sqlite" in path.read_text()]


def compile_packages() -> None:
    """Jobs of the sandbox write no byte code: without this each compiles its packages again, for seconds."""
    found = (importlib.util.find_spec(name) for name in OF_JOBS)
    places = [place for spec in found if spec for place in spec.submodule_search_locations or ()]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *places], check=False, stdin=subprocess.DEVNULL)


def pytest(*arguments: str, **environment: str) -> int:
    """Its exit status. Stopped with us: a make that is told to stop must not leave a suite running."""
    wrapper = [sys.executable, "-I", "-S", str(ROOT / "embedded" / "stop_with_parent.py")]
    workers = str(max(2, os.cpu_count() or 2))
    command = [*wrapper, sys.executable, "-m", "pytest", "-q", "-n", workers, "--no-loadscope-reorder", *arguments]
    chosen = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | environment
    return subprocess.run(command, cwd=ROOT, env=chosen, stdin=subprocess.DEVNULL, check=False).returncode


def find_browser() -> bool:
    if chromium.program():
        return True
    say("installing Chromium")
    if chromium.install():
        return True
    print("The tests drive a browser: install chromium, then try again.", file=sys.stderr)
    return False


def say(text: str) -> None:
    print(f"make test: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
