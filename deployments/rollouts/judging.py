"""Judging whether the new version is good enough for the next step. Pure rules over the numbers of both versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from deployments.deployment.specs import Rollout
from deployments.rollouts.verdicts import StepVerdict as Verdict
from integrations.metrics import Window


class Rule(StrEnum):
    NONE = ""
    ERROR_RATE = "error_rate"
    P99 = "p99"
    MIN_REQUESTS = "min_requests"
    METRICS = "metrics"


NOTHING = Window()


@dataclass(frozen=True)
class View:
    """The requests of both versions in the same period."""

    old: Window = NOTHING
    new: Window = NOTHING

    def __add__(self, later: View) -> View:
        return View(self.old + later.old, self.new + later.new)


@dataclass(frozen=True)
class Ruling:
    """A verdict with the rule behind it, the reason as text, and the numbers that were judged."""

    verdict: Verdict
    rule: Rule
    text: str
    view: View


def error_rate(window: Window) -> float:
    """Share of requests, 0 to 1, that were answered with 4xx or 5xx. 0 without requests."""
    return window.errors / window.requests if window.requests else 0.0


def judge(views: Sequence[View], limits: Rollout, *, is_over: bool, is_blind: bool) -> Ruling:
    """The verdict on a step.

    ``views`` are one or more periods of the step, which may overlap. A breach in any of them is a breach.
    ``is_over``: the bake time has passed. ``is_blind``: the newest metrics could not be read.
    Before the bake time has passed, a step can breach but not pass. It never passes with too few requests or blind.
    """
    for view in views:
        if ruling := _error_rate_breach(view, limits) or _p99_breach(view, limits):
            return ruling
    fullest = max(views, key=lambda view: view.new.requests)
    if not is_over:
        return Ruling(Verdict.RUNNING, Rule.NONE, "", fullest)
    if is_blind:
        text = "the endpoint's metrics are not available: the step cannot be judged"
        return Ruling(Verdict.INCONCLUSIVE, Rule.METRICS, text, fullest)
    if fullest.new.requests < limits.min_requests:
        text = f"too few requests to judge: {fullest.new.requests:.0f} of {limits.min_requests}"
        return Ruling(Verdict.INCONCLUSIVE, Rule.MIN_REQUESTS, text, fullest)
    return Ruling(Verdict.PASSED, Rule.NONE, f"{fullest.new.requests:.0f} requests within the limits", fullest)


def _error_rate_breach(view: View, limits: Rollout) -> Ruling | None:
    """A breach if the error rate would exceed its limit even if all further requests up to ``min_requests`` succeed."""
    new, old = view.new, view.old
    if new.errors / max(new.requests, limits.min_requests) <= limits.max_error_rate:
        return None
    if error_rate(new) <= error_rate(old):
        return None
    text = (
        f"error rate {_percent(error_rate(new))} of {new.requests:.0f} requests "
        f"({new.errors_4xx:.0f} 4xx, {new.errors_5xx:.0f} 5xx) is above {_percent(limits.max_error_rate)} "
        f"and worse than the {_percent(error_rate(old))} of the previous version"
    )
    return Ruling(Verdict.BREACHED, Rule.ERROR_RATE, text, view)


def _p99_breach(view: View, limits: Rollout) -> Ruling | None:
    new = view.new
    if limits.max_p99_ms is None or new.p99_ms is None or new.requests < limits.min_requests:
        return None
    if new.p99_ms <= limits.max_p99_ms:
        return None
    text = f"p99 {new.p99_ms:.0f} ms of {new.requests:.0f} requests is above {limits.max_p99_ms} ms"
    return Ruling(Verdict.BREACHED, Rule.P99, text, view)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def numbers(view: View) -> dict[str, dict[str, Any]]:
    """The numbers of both versions: counts, error rates from 0 to 1, latency in ms (None without requests)."""
    return {"old": _numbers(view.old), "new": _numbers(view.new)}


def _numbers(window: Window) -> dict[str, Any]:
    return {
        "requests": round(window.requests),
        "errors_4xx": round(window.errors_4xx),
        "errors_5xx": round(window.errors_5xx),
        "error_rate": error_rate(window),
        "p99_ms": window.p99_ms,
    }
