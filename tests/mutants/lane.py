"""``python -m tests.mutants.lane``: run tests in the tree that is the working directory, again and again.

Each line of the input is one ``Request`` as JSON, each line of the output the exit code of its pytest. Every run is a
fork, so no run sees a module that another run imported. What this process imports itself is shared by all runs, which
saves most of the time that pytest takes to start.
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
TIMED_OUT = 124
# These packages read Django's settings or registry of apps on import.
NOT_BEFORE_DJANGO = frozenset({"auditlog", "csp", "django", "knox", "pytest_django", "rest_framework", "whitenoise"})


@dataclass(frozen=True)
class Request:
    """Import the modules ``preload``, then run pytest with ``arguments``, if any. ``output`` is the file of its output.

    After ``limit_s`` the run ends with the exit code TIMED_OUT. The names of the installed modules that it imported go
    to the file ``modules``, if it is given. Only such a run writes bytecode.
    """

    arguments: tuple[str, ...] = ()
    output: str = os.devnull
    modules: str = ""
    preload: tuple[str, ...] = ()
    limit_s: int = 0

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
        timer = threading.Timer(request.limit_s, os._exit, [TIMED_OUT])
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
    """Names of the modules from outside the tree that need no Django, in the order of their import."""
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
