"""Outcomes of a stage: the run continues, waits, or ends."""

from __future__ import annotations

from dataclasses import dataclass

from deployments.runs.statuses import RunStatus


@dataclass(frozen=True)
class GoOn:
    """The stage is done. The run enters ``to``."""

    to: RunStatus
    message: str


@dataclass(frozen=True)
class Wait:
    """The stage waits for ``seconds`` without a worker. People see ``reason``."""

    seconds: float
    reason: str


@dataclass(frozen=True)
class End:
    """The run ends with ``status``."""

    status: RunStatus
    message: str


Outcome = GoOn | Wait | End
