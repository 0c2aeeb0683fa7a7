"""A pytest plugin, loaded first: the environment that the settings read in tests."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

# The workers of xdist inherit the directory of the process that started them, which removes it.
OWN_VAR_DIR = None if "VAR_DIR" in os.environ else tempfile.mkdtemp(prefix="slipway-tests-")
if OWN_VAR_DIR:
    os.environ["VAR_DIR"] = OWN_VAR_DIR
os.environ.setdefault("SECRET_KEY", "a-secret-of-the-test-suite-and-of-nothing-else")
os.environ.setdefault("STATE_KEYS", "znNHBk0RN-p4ecxlfrvX0mQPEd1KOniwH0nhK78AFfw=")
os.environ.setdefault("LOG_LEVEL", "WARNING")
# No Redis runs beside most tests.
os.environ.setdefault("CACHE_URL", "locmem")
# Compiling what they import is most of the work of the many short processes of the suite: it is done once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# WhiteNoise warns of a directory that collectstatic has not made yet.
Path(os.environ["VAR_DIR"], "staticfiles").mkdir(parents=True, exist_ok=True)


def pytest_collection_finish() -> None:
    """What was imported stays: a collector that walks it again and again takes a sixth of the suite's time."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    if OWN_VAR_DIR:
        shutil.rmtree(OWN_VAR_DIR, ignore_errors=True)
