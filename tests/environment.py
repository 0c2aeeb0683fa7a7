"""A pytest plugin, loaded first: the environment that the settings read in tests."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("VAR_DIR", tempfile.mkdtemp(prefix="slipway-tests-"))
os.environ.setdefault("SECRET_KEY", "a-secret-of-the-test-suite-and-of-nothing-else")
os.environ.setdefault("STATE_KEYS", "znNHBk0RN-p4ecxlfrvX0mQPEd1KOniwH0nhK78AFfw=")
os.environ.setdefault("LOG_LEVEL", "WARNING")
