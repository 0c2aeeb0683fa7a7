"""var/demo.json: what the demo has made, with every login."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings


def file() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"


def read() -> dict[str, Any]:
    """{} before the first start."""
    try:
        record: dict[str, Any] = json.loads(file().read_text())
    except FileNotFoundError:
        return {}
    return record


def write(record: dict[str, Any]) -> None:
    """In one step, and never readable by others: it holds every password of the demo."""
    part = file().with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(record, indent=2) + "\n")
    part.replace(file())


def token_of(record: dict[str, Any], username: str) -> str:
    return str(next(user["token"] for user in record["users"] if user["username"] == username))
