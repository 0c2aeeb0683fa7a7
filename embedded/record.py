"""var/demo.json: the record of what the demo has created, with all log-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings


def file() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"


def read() -> dict[str, Any]:
    """The record; {} before the first start."""
    try:
        record: dict[str, Any] = json.loads(file().read_text())
    except FileNotFoundError:
        return {}
    return record


def write(record: dict[str, Any]) -> None:
    """Write the record atomically and with mode 0600: it contains the passwords of the demo."""
    part = file().with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(record, indent=2) + "\n")
    part.replace(file())


def token_of(record: dict[str, Any], username: str) -> str:
    return str(next(user["token"] for user in record["users"] if user["username"] == username))
