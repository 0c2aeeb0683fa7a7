"""A real supervisord with small programs."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded.parts import Part
from embedded.supervision import PartStatus, Places, Supervisor, SupervisorError, configuration
from tests.stack import is_alive
from tests.waiting import wait_until

RUNS = ("python", "-c", "import time; time.sleep(600)")
CRASHES = ("python", "-c", "import sys; print('no such table: runs'); sys.exit(3)")
SHOWS_ITS_WORLD = (
    "python",
    "-c",
    "import os, time; print(os.environ['WORD'], os.getcwd(), flush=True); time.sleep(600)",
)

Open = Callable[..., Supervisor]


@pytest.fixture
def open_supervisor(tmp_path: Path) -> Iterator[Open]:
    opened: list[Supervisor] = []
    with tempfile.TemporaryDirectory(prefix="slw") as sockets:
        # A blank and a percent sign: both mean something in supervisord.conf.
        root = tmp_path / "a checkout 100%"
        root.mkdir()
        places = Places(directory=root / "supervisor", logs=root / "logs", socket=Path(sockets) / "sup.sock")

        def make(*parts: Part) -> Supervisor:
            environment = {**os.environ, "WORD": "hello"}
            supervisor = Supervisor(parts, places=places, root=root, environment=environment)
            opened.append(supervisor)
            supervisor.open()
            return supervisor

        yield make
        for supervisor in opened:
            supervisor.stop()


def one(supervisor: Supervisor, name: str) -> PartStatus:
    return next(part for part in supervisor.status() if part.name == name)


def test_nothing_runs_before_it_is_started(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", RUNS), Part("worker", RUNS, needs_others=True))
    assert {part.state for part in supervisor.status()} == {"STOPPED"}
    supervisor.start("worker")
    assert one(supervisor, "worker").pid
    assert not one(supervisor, "web").pid


def test_a_killed_part_comes_back_while_the_others_go_on(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", RUNS), Part("worker", RUNS, needs_others=True))
    supervisor.start("web", "worker")
    worker, web = one(supervisor, "worker").pid, one(supervisor, "web").pid
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: one(supervisor, "worker").pid not in (0, worker), 20)
    assert one(supervisor, "web").pid == web
    supervisor.check()


def test_a_part_that_cannot_start_is_given_up_with_the_end_of_its_log(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", CRASHES))
    supervisor.start("web")
    wait_until(lambda: one(supervisor, "web").state == "FATAL", 60)
    with pytest.raises(SupervisorError, match=r"web failed to start 5 times[^$]*no such table: runs"):
        supervisor.check()


def test_a_part_sees_the_environment_and_starts_in_the_checkout(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", SHOWS_ITS_WORLD))
    supervisor.start("web")
    log = supervisor.places.log_of("web")
    wait_until(lambda: log.exists() and log.read_text().strip(), 20)
    assert log.read_text().startswith("hello ")
    assert "a checkout 100%" in log.read_text()


def test_stop_ends_every_part(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", RUNS), Part("worker", RUNS, needs_others=True))
    supervisor.start("web", "worker")
    pids = [part.pid for part in supervisor.status()]
    supervisor.stop()
    assert not [pid for pid in pids if is_alive(pid)]
    with pytest.raises(SupervisorError):
        supervisor.check()


def test_a_killed_supervisor_takes_its_parts_with_it(open_supervisor: Open) -> None:
    supervisor = open_supervisor(Part("web", RUNS))
    supervisor.start("web")
    pid = one(supervisor, "web").pid
    assert supervisor.pid
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 10)
    with pytest.raises(SupervisorError, match="ended unexpectedly"):
        supervisor.check()


def test_the_configuration_holds_no_value_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a-secret-of-a-test")
    places = Places(directory=tmp_path, logs=tmp_path, socket=tmp_path / "sup.sock")
    assert "a-secret-of-a-test" not in configuration([Part("web", RUNS)], places=places, root=tmp_path)
