"""Registers real models in a running sandbox with plain MLflow."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.sandbox.running import ROOT, RunningSandbox

# In a process of its own: MLflow keeps its tracking URI and credentials for a whole process.
SCRIPT = """
import sys
import mlflow
from tests.serving.saved_models import MoodyModel
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
signature = ModelSignature(inputs=Schema([ColSpec("string", "mood")]))
for name in sys.argv[1:]:
    for _ in range(2):
        mlflow.pyfunc.log_model(
            name="model", python_model=MoodyModel(), signature=signature, pip_requirements=[],
            registered_model_name=name,
        )
"""


def register(sandbox: RunningSandbox, *full_names: str) -> None:
    """Two versions of each."""
    environ = os.environ | {
        "MLFLOW_TRACKING_URI": sandbox.url,
        "MLFLOW_TRACKING_TOKEN": sandbox.admin_token,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *full_names], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
