"""What the server does before it answers anybody."""

from __future__ import annotations

import subprocess
import sys

ASKED = """
import gc, sys
from portal.wsgi import application
assert "monitoring.fleet.views" in sys.modules, "a view is left to be imported by whoever asks first"
assert gc.get_freeze_count() > 100_000, "a full collection walks all that was imported"
"""


def test_views_are_imported_before_the_first_request_and_left_alone_by_the_collector() -> None:
    ran = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
