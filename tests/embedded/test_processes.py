from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from embedded.stop_with_parent import PARENT
from tests.stack import is_alive
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]

# A child that starts a grandchild in a session of its own, says who it is, and dies at once.
PARENT_OF_AN_ORPHAN = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(300)
"""
ADOPTER = """
import json, subprocess, sys, time
from embedded.processes import adopt_orphans, descendants, end_descendants
adopt_orphans()
parent = [sys.executable, "-c", sys.argv[1], sys.argv[2]]
orphan = int(subprocess.run(parent, stdout=subprocess.PIPE, text=True, check=True).stdout)
before = descendants()
end_descendants(grace_s=1)
print(json.dumps({"orphan": orphan, "before": before, "after": descendants()}))
"""
WATCHED = """
import sys
from pathlib import Path
from typing import Any
import os, time
Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(300)
"""


def run_adopter(orphan: str) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-c", ADOPTER, PARENT_OF_AN_ORPHAN, orphan],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    result: dict[str, Any] = json.loads(answer.stdout)
    return result


def test_an_orphan_in_its_own_session_is_found_and_ended() -> None:
    result = run_adopter("import time; time.sleep(300)")
    assert result["orphan"] in result["before"]
    assert result["after"] == []


def test_what_ignores_every_polite_signal_is_killed() -> None:
    started = time.monotonic()
    result = run_adopter(STUBBORN)
    assert result["after"] == []
    assert not is_alive(int(str(result["orphan"])))
    assert time.monotonic() - started < 30


def test_a_program_is_stopped_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    wrapper = ROOT / "embedded" / "stop_with_parent.py"
    command = [sys.executable, "-I", "-S", str(wrapper), sys.executable, "-c", WATCHED, str(pid_file)]
    # The suite itself runs below such a wrapper, whose word about the parent is not ours.
    environment = {name: value for name, value in os.environ.items() if name != PARENT}
    program = f"import subprocess; subprocess.run({command!r})"
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        pid = int(wait_until(lambda: pid_file.exists() and pid_file.read_text(), 20))
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not is_alive(pid), 10)
