"""The steps of each rollout strategy."""

from __future__ import annotations

from deployments.deployment.specs import Rollout

# Percent of a shadow step: the new version gets no traffic and answers copies of requests.
SHADOW = 0


def steps_of(rollout: Rollout) -> list[int]:
    """The steps as percentages of traffic on the new version, in order. The last one is always 100."""
    match rollout.strategy:
        case "canary":
            return list(rollout.steps)
        case "shadow":
            return [SHADOW, 100]
        case _:
            return [100]


def next_percent(rollout: Rollout, percent: int) -> int | None:
    """The percentage of the step after ``percent``; None after the last step."""
    return next((step for step in steps_of(rollout) if step > percent), None)
