"""Steps before the parts start. All of them are idempotent."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from embedded.parts import redis
from embedded.supervision import Places
from requirements.bootstrap import uv_environment


class AlreadyRunning(Exception):
    """Another instance of Slipway uses the same VAR_DIR."""


class PrepareError(Exception):
    """A step before the start failed. The message is for people."""


@contextmanager
def own_var_dir() -> Iterator[None]:
    """Create VAR_DIR with mode 0700 and lock it against other instances. Raises AlreadyRunning."""
    var_dir = Path(settings.VAR_DIR)
    var_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    var_dir.chmod(0o700)
    for name in ("beat", "logs", "runs"):
        (var_dir / name).mkdir(mode=0o700, exist_ok=True)
    with (var_dir / "running.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Slipway is already running with {var_dir}. Stop it, or start a second instance: "
                f"VAR_DIR=var2 PORT=8010 SANDBOX_PORT=8091 make demo"
            ) from None
        yield


def places() -> Places:
    var_dir = Path(settings.VAR_DIR)
    # Next to the socket of Redis, whose path the settings keep short: supervisord appends its pid temporarily.
    socket = Path(settings.EMBEDDED_REDIS_SOCKET).with_name("sup.sock")
    return Places(directory=var_dir / "supervisor", logs=var_dir / "logs", socket=socket)


def make_redis_directory() -> None:
    """Create the directory of the socket. Raises PrepareError if other users can access it, and NoRedis."""
    directory = Path(settings.EMBEDDED_REDIS_SOCKET).parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PrepareError(f"{directory} belongs to another user or is accessible to others. Remove it.")
    redis(settings.EMBEDDED_REDIS_SOCKET)


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def install_terraform(root: Path) -> None:
    """Install the stand-in provider, and Terraform if it is missing. Raises PrepareError."""
    uv = Path(sys.executable).with_name("uv")
    found = str(uv) if uv.exists() else shutil.which("uv")
    command = [sys.executable, str(root / "terraform" / "provider" / "install.py"), "--var-dir", str(settings.VAR_DIR)]
    if found:
        command += ["--uv", found]
    # The second attempt uses only uv's cache, in case there is no network.
    for extra in ({}, {"UV_OFFLINE": "1"}):
        environment = {**uv_environment(), **extra}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if done.returncode == 0:
            return
    raise PrepareError(f"The Terraform provider could not be installed:\n{done.stderr.strip()}")
