"""Local files: paths that stay inside a directory, and atomic writes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.web.errors import invalid

PART_SUFFIX = ".part"


def inside(root: Path, relative: str) -> Path:
    """``root/relative``. Raises ApiError 400 if it would lead out of ``root``."""
    path = (root / relative.lstrip("/")).resolve()
    if not path.is_relative_to(root.resolve()):
        raise invalid(f"Invalid path: {relative}")
    return path


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Yields the path of a hidden file beside ``target`` that replaces it at the end of the block.

    If the block raises, ``target`` stays as it was. Missing directories are created.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{uuid.uuid4().hex}{PART_SUFFIX}")
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
