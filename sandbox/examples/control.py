"""Calls of the sandbox's control API, which writes data that other programs would write in a workspace."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx

TIMEOUT_S = 300


def post(path: str, body: Mapping[str, Any]) -> int:
    """Returns the number of rows that the sandbox wrote. Raises httpx.HTTPError."""
    answer = httpx.post(f"{os.environ['MLFLOW_TRACKING_URI']}/_sandbox/{path}", json=dict(body), timeout=TIMEOUT_S)
    return int(answer.raise_for_status().json()["rows"])
