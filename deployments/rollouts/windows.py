"""Windows of requests as JSON, to store them between two readings of the metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deployments.rollouts.judging import View
from integrations.metrics import Window

INFINITE = "+Inf"


def view_as_json(view: View) -> dict[str, Any]:
    return {"old": _as_json(view.old), "new": _as_json(view.new)}


def view_of_json(data: Mapping[str, Any]) -> View:
    """The reverse of ``view_as_json``. An empty object gives a view without requests."""
    return View(_of_json(data.get("old") or {}), _of_json(data.get("new") or {}))


def _as_json(window: Window) -> dict[str, Any]:
    latency = [[INFINITE if math.isinf(bound) else bound, count] for bound, count in sorted(window.latency.items())]
    return {
        "requests": window.requests,
        "errors_4xx": window.errors_4xx,
        "errors_5xx": window.errors_5xx,
        "latency": latency,
    }


def _of_json(data: Mapping[str, Any]) -> Window:
    latency = {math.inf if bound == INFINITE else float(bound): count for bound, count in data.get("latency", [])}
    return Window(data.get("requests", 0.0), data.get("errors_4xx", 0.0), data.get("errors_5xx", 0.0), latency)
