"""Directories that take long to make are kept in the user's cache: ``kept("sqlite", digest, make)``.

If several processes ask at once, one makes the directory and the others wait. A directory appears when it is
complete, and is removed after two weeks without use.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNUSED_S = 14 * 24 * 3600


def caches() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"
    home.mkdir(parents=True, exist_ok=True)
    return home


def digest_of(paths: Iterable[Path], *words: str) -> str:
    """A digest of the files, of the installed packages and of ``words``."""
    digest = hashlib.sha256("\0".join([sys.version, *words]).encode())
    for path in sorted([*paths, ROOT / "requirements" / "dev.txt"]):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def kept(name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """The directory; ``make`` fills an empty one, which is then renamed. Raises what ``make`` raises."""
    place = caches() / f"{name}-{digest}"
    with only_one(name):
        if not place.is_dir():
            _forget(name)
            building = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=caches()))
            try:
                make(building)
                building.rename(place)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
        os.utime(place)
    return place


@contextmanager
def only_one(name: str) -> Iterator[None]:
    with (caches() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget(name: str) -> None:
    """Removes what other states of the code have left, also half-made."""
    for old in [*caches().glob(f"{name}-*"), *caches().glob(f".{name}-*")]:
        if time.time() - old.stat().st_mtime > UNUSED_S:
            shutil.rmtree(old, ignore_errors=True)
