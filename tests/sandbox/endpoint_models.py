"""Registers real models in a running sandbox with plain MLflow."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.sandbox.running import ROOT, RunningSandbox

MOODY, LINEAR = "tests.sandbox.moody_versions", "tests.sandbox.linear_version"


def register(sandbox: RunningSandbox, *full_names: str, program: str = MOODY) -> None:
    """The versions that ``program`` logs. In a process of its own: MLflow keeps URI and credentials for a whole one."""
    environ = os.environ | {
        "MLFLOW_TRACKING_URI": sandbox.url,
        "MLFLOW_TRACKING_TOKEN": sandbox.admin_token,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    argv = [sys.executable, "-m", program, *full_names]
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
