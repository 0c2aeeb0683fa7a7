"""Files of this machine: paths that stay inside a directory."""

from __future__ import annotations

from pathlib import Path

from sandbox.web.errors import invalid


def inside(root: Path, relative: str) -> Path:
    """``root/relative``. Raises ApiError 400 if it would lead out of ``root``."""
    path = (root / relative.lstrip("/")).resolve()
    if not path.is_relative_to(root.resolve()):
        raise invalid(f"Invalid path: {relative}")
    return path
