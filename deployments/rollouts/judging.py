"""Is the new version good enough for the next step? Rules over the numbers of both versions, without I/O."""

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
    """The requests of both versions in the same span of time."""

    old: Window = NOTHING
    new: Window = NOTHING

    def __add__(self, later: View) -> View:
        return View(self.old + later.old, self.new + later.new)


@dataclass(frozen=True)
class Ruling:
    """``text`` says why in words; ``view`` are the numbers it was judged on."""

    verdict: Verdict
    rule: Rule
    text: str
    view: View


def error_rate(window: Window) -> float:
    """Share of requests that were answered with 4xx or 5xx; 0 without requests."""
    return window.errors / window.requests if window.requests else 0.0


def judge(views: Sequence[View], limits: Rollout, *, is_over: bool, is_blind: bool) -> Ruling:
    """The verdict on a step.

    ``views``: spans of the step's time that may overlap, at least one; a rule that one of them breaks is broken.
    ``is_over``: the bake time has passed. ``is_blind``: the newest metrics could not be read. Before the end a
    version can only be found worse, never good enough; without enough requests, or blind, it never passes.
    """
    for view in views:
        if ruling := _breach(view, limits):
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


def _breach(view: View, limits: Rollout) -> Ruling | None:
    return _error_rate_breach(view, limits) or _p99_breach(view, limits)


def _error_rate_breach(view: View, limits: Rollout) -> Ruling | None:
    """So many errors that the rate would be above its limit even if all requests up to ``min_requests`` were good."""
    new, old = view.new, view.old
    if new.errors / max(new.requests, limits.min_requests) <= limits.max_error_rate:
        return None
    if error_rate(new) <= error_rate(old):
        return None
    text = (
        f"error rate {_percent(error_rate(new))} of {new.requests:.0f} requests "
        f"({new.errors_4xx:.0f} 4xx, {new.errors_5xx:.0f} 5xx) is above {_percent(limits.max_error_rate)} "
        f"and worse than the {_percent(error_rate(old))} of the version before"
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
    """What people see of both versions: counts, rates as shares of 1, latency in ms (None without requests)."""
    return {"old": _numbers(view.old), "new": _numbers(view.new)}


def _numbers(window: Window) -> dict[str, Any]:
    return {
        "requests": round(window.requests),
        "errors_4xx": round(window.errors_4xx),
        "errors_5xx": round(window.errors_5xx),
        "error_rate": error_rate(window),
        "p99_ms": window.p99_ms,
    }
