"""Make .venv and install a lock into it: ``python3 requirements/bootstrap.py demo|dev``.

Needs only Python's standard library. Does nothing where the lock is installed already; a lock that holds more
than the one asked for counts as installed, so that ``make demo`` after ``make test`` keeps the test packages.

Packages come from wherever pip is told to look (``pip config``, PIP_INDEX_URL) or uv (UV_DEFAULT_INDEX), and each
file must have a hash of the lock. Without a network everything comes from the caches of earlier installs.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / ".slipway-lock"
# Each lock holds all of those before it.
LOCKS = ("demo", "dev")


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        print(f"usage: {sys.argv[0]} {'|'.join(LOCKS)}", file=sys.stderr)
        return 2
    try:
        with _only_one():
            install(sys.argv[1])
    except (BootstrapError, OSError) as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"bootstrap: {Path(error.cmd[0]).name} ended with status {error.returncode}", file=sys.stderr)
        return 1
    return 0


def install(wanted: str) -> None:
    """Raises BootstrapError and CalledProcessError."""
    installed, _, digest = STAMP.read_text().strip().partition(" ") if STAMP.is_file() else ("", "", "")
    if installed in LOCKS:
        wanted = max(wanted, installed, key=LOCKS.index)
    lock = ROOT / "requirements" / f"{wanted}.txt"
    if installed == wanted and digest == _digest(lock) and PYTHON.exists():
        return
    started = time.monotonic()
    _say(f"installing {lock.relative_to(ROOT)} into .venv")
    _make_environment()
    _install_uv()
    _sync(lock)
    STAMP.write_text(f"{wanted} {_digest(lock)}\n")
    _say(f"installed in {time.monotonic() - started:.0f} s")


def _digest(lock: Path) -> str:
    bootstrap = ROOT / "requirements" / "bootstrap.txt"
    return hashlib.sha256(lock.read_bytes() + bootstrap.read_bytes() + sys.version.encode()).hexdigest()


def _make_environment() -> None:
    if _is_usable():
        return
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], stdin=subprocess.DEVNULL, check=False)
    if made.returncode:
        raise BootstrapError(
            "python3 -m venv does not work here. On Debian and Ubuntu install the package python3-venv, then try again."
        )


def _is_usable() -> bool:
    """Whether .venv runs, with pip, the Python that runs this program; a moved checkout has one that does not."""
    probe = [str(PYTHON), "-c", "import pip, sys; print(sys.version)"]
    try:
        answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.strip()


def _install_uv() -> None:
    """uv comes through pip, once for each machine: its wheel is kept beside the other caches."""
    requirements = ROOT / "requirements" / "bootstrap.txt"
    version = requirements.read_text().split()[0].partition("==")[2]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = caches / "slipway" / f"uv-{version}"
    pip = [str(PYTHON), "-m", "pip"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    hashed = ["--require-hashes", "--no-deps", "-r", str(requirements)]
    if not any(kept.glob("*.whl")):
        _run([*pip, "download", *quiet, "--only-binary", ":all:", "--dest", str(kept), *hashed])
    _run([*pip, "install", *quiet, "--no-index", "--find-links", str(kept), *hashed])


def _sync(lock: Path) -> None:
    command = [str(UV), "pip", "sync", "--python", str(PYTHON), "--require-hashes", str(lock)]
    environment = uv_environment()
    if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode:
        _say("trying again with what earlier installs have left in uv's cache")
        _run([*command, "--offline"], environment)


def uv_environment() -> dict[str, str]:
    """The environment for uv, which does not read pip's configuration: the index that pip is told to use."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    # Certificates of the machine, as pip and git use them: a company's mirror may have its own authority.
    environment.setdefault("UV_SYSTEM_CERTS", "true")
    if any(name in environment for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        return environment
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    )
    index = os.environ.get("PIP_INDEX_URL", "").strip() or asked.stdout.strip()
    return {**environment, "UV_DEFAULT_INDEX": index} if index else environment


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)


def _say(text: str) -> None:
    print(f"bootstrap: {text}", flush=True)


@contextmanager
def _only_one() -> Iterator[None]:
    """Two at once: the second waits and finds the work done."""
    with (ROOT / "requirements" / "bootstrap.txt").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
