"""What a stage says when it ends: the run goes on, waits, or is over."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.runs.statuses import RunStatus

# -- what one stage says when it ends -------------------------------------------------------------


@dataclass(frozen=True)
class GoOn:
    """The stage is done; the run enters ``to``."""

    to: RunStatus
    message: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do for ``seconds``; no worker is held meanwhile. ``reason`` is shown to people."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class End:
    """The run is over."""

    status: RunStatus
    message: str


Outcome = GoOn | Wait | End
