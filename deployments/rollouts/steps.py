"""The steps of a strategy."""

from __future__ import annotations

from deployments.deployment.specs import Rollout

# The percent of a step that sends no traffic: the new version answers copies of requests.
SHADOW = 0


def steps_of(rollout: Rollout) -> list[int]:
    """Percents of traffic on the new version, in order; the last is always 100."""
    match rollout.strategy:
        case "canary":
            return list(rollout.steps)
        case "shadow":
            return [SHADOW, 100]
        case _:
            return [100]


def next_percent(rollout: Rollout, percent: int) -> int | None:
    """The step after the one with ``percent``; None after the last."""
    return next((step for step in steps_of(rollout) if step > percent), None)
