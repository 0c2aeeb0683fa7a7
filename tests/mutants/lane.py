"""``python -m tests.mutants.lane``: run tests in the tree that is the working directory, again and again.

Each line of the input is one ``Request`` as JSON, each line of the output the exit code of its pytest. Every run is a
fork, so that no run sees a module that another one imported; what is imported here is there for all of them. That is
most of the time that pytest takes to start.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

OPTIONS = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-n", "0", "--hypothesis-seed", "0")
LIMIT_S = 240
TIMED_OUT = 124
# They read the settings or the registry of apps when they are imported.
NOT_BEFORE_DJANGO = frozenset({"auditlog", "csp", "django", "knox", "pytest_django", "rest_framework", "whitenoise"})


@dataclass(frozen=True)
class Request:
    """Import the modules ``preload``, then have pytest run with ``arguments``, if any; what it says goes to ``output``.

    ``modules``: a file to write the names of all installed modules to that the run has imported. Only such a run
    writes bytecode.
    """

    arguments: tuple[str, ...] = ()
    output: str = os.devnull
    modules: str = ""
    preload: tuple[str, ...] = ()

    def as_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def main() -> None:
    for line in sys.stdin:
        request = Request(**json.loads(line))
        for name in request.preload:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        print(_in_a_fork(request) if request.arguments else 0, flush=True)


def _in_a_fork(request: Request) -> int:
    pid = os.fork()
    if pid == 0:
        _run(request)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _run(request: Request) -> None:
    """Ends the process."""
    code = TIMED_OUT
    try:
        _redirect(request.output)
        timer = threading.Timer(LIMIT_S, os._exit, [TIMED_OUT])
        timer.daemon = True
        timer.start()
        sys.dont_write_bytecode = not request.modules
        pytest = importlib.import_module("pytest")
        code = int(pytest.main([*OPTIONS, *request.arguments]))
        if request.modules:
            Path(request.modules).write_text("\n".join(_installed_modules()), "utf-8")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(output: str) -> None:
    nothing, kept = os.open(os.devnull, os.O_RDONLY), os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for source, target in ((nothing, 0), (kept, 1), (kept, 2)):
        os.dup2(source, target)


def _installed_modules() -> list[str]:
    """Names of what was imported from outside of the tree and needs no Django, in the order of the imports."""
    here = os.getcwd() + os.sep
    return [
        name
        for name, module in list(sys.modules.items())
        if (path := getattr(module, "__file__", None))
        and not path.startswith(here)
        and name.partition(".")[0] not in NOT_BEFORE_DJANGO
        and not name.startswith(("django_", "drf_", "__"))
    ]


if __name__ == "__main__":
    main()
