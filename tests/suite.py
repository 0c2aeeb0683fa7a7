"""``python -m tests.suite``: the whole suite on SQLite, then what uses the database again on PostgreSQL.

Stops at the first of the two that fails: the last lines are always those of pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.postgres import NoPostgres, cluster

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "google-chrome")
# Rooms without a Django database: once is enough.
NO_DATABASE = ("blueprints", "integrations", "meta", "sandbox", "serving", "terraform")


def main() -> int:
    if not find_browser():
        return 1
    workers = str(max(2, os.cpu_count() or 2))
    # Stopped with us: a make that is told to stop must not leave a suite running.
    wrapper = [sys.executable, "-I", "-S", str(ROOT / "embedded" / "stop_with_parent.py")]
    pytest = [*wrapper, sys.executable, "-m", "pytest", "-q", "-n", workers]
    say(f"the suite on SQLite, {workers} workers; the long matrix of faults is left out: pytest tests/faults runs it")
    whole = [*pytest, "-m", "not matrix"]
    if code := subprocess.run(whole, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
        return code
    try:
        with cluster() as url:
            say("what uses the database, on PostgreSQL")
            again = [*pytest, "-m", "not stack and not browser and not matrix", *rooms_with_database()]
            environment = {**os.environ, "DATABASE_URL": url}
            return subprocess.run(again, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    except NoPostgres as error:
        print(error, file=sys.stderr)
        return 1


def rooms_with_database() -> list[str]:
    rooms = (path for path in (ROOT / "tests").iterdir() if (path / "__init__.py").is_file())
    return sorted(str(room.relative_to(ROOT)) for room in rooms if room.name not in NO_DATABASE)


def find_browser() -> bool:
    """Whether there is a Chromium; installs Debian's where we may."""
    if os.environ.get("CHROMIUM") or any(shutil.which(name) for name in BROWSERS):
        return True
    apt, sudo = shutil.which("apt-get"), shutil.which("sudo")
    if apt and os.getuid() == 0:
        become: list[str] = []
    elif apt and sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        become = [sudo, "-n"]
    else:
        print("The tests drive a browser: install chromium, then try again.", file=sys.stderr)
        return False
    say("installing chromium")
    install = [*become, "env", "DEBIAN_FRONTEND=noninteractive", apt, "install", "-y", "--no-install-recommends"]
    return quietly([*become, apt, "update"]) == 0 and quietly([*install, "chromium"]) == 0


def quietly(command: list[str]) -> int:
    null = subprocess.DEVNULL
    return subprocess.run(command, check=False, stdin=null, stdout=null).returncode


def say(text: str) -> None:
    print(f"make test: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
