"""The container as a process: arguments, start, drain, exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import http
from tests.processes import is_running
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


class Served:
    """One `python -m serving` on a free port."""

    def __init__(self, model_path: Path, work: Path, *arguments: str) -> None:
        self.log = work / "stderr.log"
        port_file = work / "port"
        argv = [sys.executable, "-m", "serving", "--model-path", str(model_path), "--port", "0"]
        argv += ["--port-file", str(port_file), "--name", "entity-1", *arguments]
        with self.log.open("wb") as stderr:
            self.process = subprocess.Popen(argv, cwd=ROOT, stderr=stderr)
        wait_until(lambda: port_file.exists() or self.process.poll() is not None, 60)
        self.client = http.Client(base_url=f"http://127.0.0.1:{port_file.read_text()}", timeout=30)

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def moody(moody_model: Path, tmp_path: Path) -> Iterator[Served]:
    served = Served(moody_model, tmp_path, "--grace-s", "10")
    yield served
    served.stop()


def test_it_loads_then_serves_and_drains_what_runs_on_sigterm(moody: Served) -> None:
    assert moody.client.get("/ping").status_code == 503
    wait_until(lambda: moody.client.get("/ping").status_code == 200, 60)
    answers: list[httpx.Response] = []

    def slow() -> None:
        body = {"dataframe_records": [{"mood": "wait 1.5"}]}
        answers.append(http.post(moody.client.base_url.join("/invocations"), json=body, timeout=30))

    thread = threading.Thread(target=slow)
    thread.start()
    wait_until(lambda: "serving_predictions_running 1.0" in moody.client.get("/metrics").text, 10)
    moody.process.send_signal(signal.SIGTERM)
    wait_until(lambda: moody.client.get("/ping").status_code == 503, 5)
    thread.join()

    assert answers[0].json() == {"predictions": ["wait 1.5"]}
    assert moody.process.wait(timeout=10) == 0
    lines = [json.loads(line) for line in moody.log.read_text().splitlines() if line.startswith("{")]
    (access,) = [line for line in lines if line["logger"] == "serving.access"]
    assert (access["served_entity"], access["status"], access["path"]) == ("entity-1", 200, "/invocations")
    assert access["request_id"] == answers[0].headers["x-request-id"]


def test_a_model_that_cannot_be_loaded_ends_the_process_with_its_own_status(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    served = Served(tmp_path, tmp_path)

    assert served.process.wait(timeout=60) == 3
    assert "loading the model" in served.log.read_text()
    served.stop()


def test_it_ends_when_its_parent_is_gone(moody_model: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "serving", "--model-path", str(moody_model), "--port", "0"]
    argv += ["--port-file", str(tmp_path / "port"), "--parent-pid"]
    script = (
        "import os, subprocess, sys\n"
        f"child = subprocess.Popen({argv!r} + [str(os.getpid())], stderr=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child_pid = int(parent.stdout.readline())
    wait_until((tmp_path / "port").exists, 60)
    parent.kill()
    parent.communicate()

    wait_until(lambda: not is_running(child_pid), 15)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--model-path"),
        (["--model-path", "/nowhere"], "does not contain an MLmodel file"),
        (["--model-path", ".", "--port", "70000"], "is not a port"),
        (["--model-path", ".", "--concurrency", "0"], "is not a positive number"),
        (["--model-path", ".", "--queue-size", "x"], "invalid _whole_number value"),
    ],
)
def test_bad_arguments_fail_at_once(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.settings import read_settings

    with pytest.raises(SystemExit) as caught:
        read_settings(arguments, {})
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_settings_come_from_the_environment_too(moody_model: Path) -> None:
    from serving.settings import read_settings

    environ = {"SERVING_MODEL_PATH": str(moody_model), "SERVING_PORT": "1234", "SERVING_CONCURRENCY": "8"}
    settings = read_settings(["--concurrency", "2"], environ)

    assert (settings.model_path, settings.port, settings.concurrency) == (moody_model, 1234, 2)
