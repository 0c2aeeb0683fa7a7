"""The command line of a served entity's process, without secrets, and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.serving_endpoints.records import Entity

PROGRAM_ROOT = Path(__file__).resolve().parents[3]
# The variables that a Python process needs from this machine. No others are passed to the model.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE")
# The server limits concurrency itself. Numeric libraries with a thread per core would slow each other down.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
DRAIN_GRACE_S = 10


def served_argv(entity: Entity, model_path: Path, port_path: Path) -> list[str]:
    return [
        sys.executable, "-m", "serving",
        "--model-path", str(model_path),
        "--host", "127.0.0.1",
        "--port", "0",
        "--port-file", str(port_path),
        "--name", entity.name,
        "--concurrency", str(entity.concurrency),
        "--grace-s", str(DRAIN_GRACE_S),
    ]  # fmt: skip


def served_environment(inherited: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """`wanted` has the entity's own variables with resolved secrets. They can override the defaults."""
    passed_on = {name: inherited[name] for name in PASSED_ON if name in inherited}
    search_path = os.pathsep.join(filter(None, (str(PROGRAM_ROOT), wanted.get("PYTHONPATH", ""))))
    return {**passed_on, "PYTHONUNBUFFERED": "1", **ONE_THREAD, **QUIET, **wanted, "PYTHONPATH": search_path}
