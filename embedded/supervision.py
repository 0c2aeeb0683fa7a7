"""supervisord as a child process: its configuration, start and stop, and the status of the parts."""

from __future__ import annotations

import configparser
import os
import shlex
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]

from embedded.parts import Part
from embedded.stop_with_parent import PARENT

NAP_S = 0.1
STARTING_TIMEOUT_S = 20
LAST_LINES_BYTES = 2000
# A part that ends within START_S seconds has failed to start. After START_RETRIES failures in a row, with pauses of
# 1, 2, 3 s, supervisord gives up. A part that has run longer is restarted immediately.
START_S = 4
START_RETRIES = 4


class SupervisorError(Exception):
    """The supervisor or a part cannot be kept running. The message is for people."""


@dataclass(frozen=True)
class PartStatus:
    """The status of a part."""

    name: str
    #: supervisord's state: STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL or UNKNOWN.
    state: str
    pid: int
    error: str


@dataclass(frozen=True)
class Places:
    """Paths of the supervisor's files."""

    directory: Path
    logs: Path
    #: Outside of ``directory``, because the path of a Unix socket must be short.
    socket: Path

    @property
    def config(self) -> Path:
        return self.directory / "supervisord.conf"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"


class Supervisor:
    """Runs parts until ``stop``. They get only ``environment``; their output goes to ``places.logs``."""

    def __init__(self, parts: Sequence[Part], *, places: Places, root: Path, environment: Mapping[str, str]) -> None:
        self.parts = tuple(parts)
        self.places = places
        self._root = root
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def open(self) -> None:
        """Start supervisord without any part. Call it from the main thread. Raises SupervisorError."""
        for directory in (self.places.directory, self.places.logs, self.places.socket.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.places.socket.unlink(missing_ok=True)
        self.places.config.write_text(configuration(self.parts, places=self.places, root=self._root))
        self._process = subprocess.Popen(
            [*_with_parent(), sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.places.config)],
            cwd=self._root,
            env={**self._environment, PARENT: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # In its own session, so that Ctrl-C reaches only this process, which stops the parts in order.
            start_new_session=True,
        )
        self._wait_for_socket()

    def start(self, *names: str) -> None:
        """Start these parts without waiting for them."""
        groups = {part.name: _group(part) for part in self.parts}
        for name in names:
            self._call("startProcess", f"{groups[name]}:{name}", False)

    def status(self) -> list[PartStatus]:
        """One entry per part. Raises SupervisorError if supervisord does not answer."""
        rows = self._call("getAllProcessInfo")
        return [PartStatus(row["name"], row["statename"], row["pid"], row["spawnerr"]) for row in rows]

    def check(self) -> None:
        """Raises SupervisorError if supervisord has ended or has given up on a part."""
        if self._process is None or self._process.poll() is not None:
            raise SupervisorError(f"The supervisor ended unexpectedly. See {self.places.logs / 'supervisord.log'}.")
        for part in self.status():
            if part.state == "FATAL":
                raise SupervisorError(self._given_up(part))

    def stop(self) -> None:
        """Stop all parts, those with ``needs_others`` first. Returns after supervisord has ended."""
        if self._process is None:
            return
        longest = sum(
            max((p.stop_s for p in self.parts if p.needs_others is first), default=0) for first in (True, False)
        )
        self._process.terminate()
        try:
            self._process.wait(timeout=longest + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _given_up(self, part: PartStatus) -> str:
        log = self.places.log_of(part.name)
        with suppress(OSError):
            last = log.read_bytes()[-LAST_LINES_BYTES:].decode(errors="replace").strip()
            return f"{part.name} failed to start {START_RETRIES + 1} times. The end of {log}:\n{last}"
        return f"{part.name} cannot be started: {part.error}"

    def _wait_for_socket(self) -> None:
        deadline = time.monotonic() + STARTING_TIMEOUT_S
        while True:
            with suppress(SupervisorError):
                self.status()
                return
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise SupervisorError(f"The supervisor did not start. See {self.places.logs / 'supervisord.log'}.")
            time.sleep(NAP_S)

    def _call(self, method: str, *arguments: Any) -> Any:
        # A new connection per call, because calls are rare and an idle connection would go stale.
        transport = SupervisorTransport(None, None, f"unix://{self.places.socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.Error) as error:
            raise SupervisorError(f"The supervisor does not answer ({method}): {error}") from error
        finally:
            transport.close()


def configuration(parts: Sequence[Part], *, places: Places, root: Path) -> str:
    """The text of supervisord.conf. It contains no secrets: parts inherit the environment of supervisord."""
    config = configparser.RawConfigParser()
    config["unix_http_server"] = {"file": _value(str(places.socket)), "chmod": "0700"}
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisord"] = {
        "logfile": _value(str(places.logs / "supervisord.log")),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "2",
        "pidfile": _value(str(places.directory / "supervisord.pid")),
        "silent": "true",
        "umask": "077",
    }
    if os.getuid() == 0:
        # supervisord warns if root is not configured explicitly.
        config["supervisord"]["user"] = "root"
    for part in parts:
        config[f"program:{part.name}"] = _program(part, places, root)
    # Groups stop one after the other, highest priority first. The programs of a group stop together.
    for priority, group in ((100, "services"), (900, "workers")):
        members = [part.name for part in parts if _group(part) == group]
        if members:
            config[f"group:{group}"] = {"programs": ",".join(members), "priority": str(priority)}
    lines = []
    for section in config.sections():
        lines.append(f"[{section}]")
        lines.extend(f"{key}={value}" for key, value in config[section].items())
        lines.append("")
    return "\n".join(lines)


def _program(part: Part, places: Places, root: Path) -> dict[str, str]:
    argv = [sys.executable if word == "python" and not place else word for place, word in enumerate(part.command)]
    return {
        "command": _value(shlex.join([*_with_parent(), *argv])),
        "directory": _value(str(root)),
        "autostart": "false",
        "autorestart": "true",
        "startsecs": str(START_S),
        "startretries": str(START_RETRIES),
        "stopsignal": "TERM",
        "stopwaitsecs": str(part.stop_s),
        # SIGTERM goes only to the part, which stops its own children. SIGKILL goes to the whole group.
        "stopasgroup": "false",
        "killasgroup": "true",
        "redirect_stderr": "true",
        # Escaped twice, because supervisord expands this value twice.
        "stdout_logfile": _value(_value(str(places.log_of(part.name)))),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "3",
    }


def _with_parent() -> list[str]:
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("stop_with_parent.py"))]


def _group(part: Part) -> str:
    return "workers" if part.needs_others else "services"


def _value(text: str) -> str:
    """Escape %: supervisord expands %(name)s in values."""
    return text.replace("%", "%%")
