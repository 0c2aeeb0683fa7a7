"""Runs the programs in sandbox/examples with the credentials of a data scientist."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from embedded.credentials import sandbox_token
from embedded.first_deployment import DemoFailed
from embedded.ports import sandbox_url

ROOT = Path(settings.BASE_DIR)


def run_example(module: str, say: Callable[[str], None], *arguments: str) -> None:
    """Run ``module`` and pass each line of its output to ``say``. Raises DemoFailed if it fails."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")},
        "MLFLOW_TRACKING_URI": sandbox_url(),
        "MLFLOW_TRACKING_TOKEN": sandbox_token(),
    }
    log = Path(settings.VAR_DIR) / "logs" / "examples.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip())
    if process.returncode:
        raise DemoFailed(f"{module} ended with status {process.returncode}. See {log}.")
