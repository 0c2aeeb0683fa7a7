"""Static files: builds the front-end packages and collects everything, compressed and with hashed names."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

STAMP = ".collected"


def build_assets(root: Path) -> None:
    """Build static/vendor unless it is current. Raises CalledProcessError."""
    subprocess.run(
        [sys.executable, str(root / "static" / "build.py")],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def collect_static() -> None:
    """Fill STATIC_ROOT if a source file has changed; compressing takes seconds."""
    stamp = Path(settings.STATIC_ROOT) / STAMP
    wanted = _sources()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)


def _sources() -> str:
    """A SHA-256 of the names, sizes and modification times of all static files."""
    lines = []
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            lines.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
