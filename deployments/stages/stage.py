"""The table of all stages: what a run does at each step, and how pages show it.

A new stage is a status in ``runs/statuses.py``, a module here with ``run_stage(context)``, a template
``_stage_<status>.html`` and a row in ``TABLE``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from deployments.policies.presenters import glass_panel, policy_panel
from deployments.pricing.presenters import cost_panel
from deployments.rollouts.presenters import rollout_panel
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.statuses import RunStatus
from deployments.stages import cost, endpoint, policy, smoke
from deployments.stages.apply import stage as apply
from deployments.stages.context import Context
from deployments.stages.outcomes import Outcome
from deployments.stages.plan import stage as plan
from deployments.stages.preflight import stage as preflight
from deployments.stages.rollout import stage as rollout


@dataclass(frozen=True)
class Stage:
    """One stage of a run. ``runs/statuses.py`` says which kinds of run have it, and in which order."""

    #: The status of a run that is in this stage. Its value is the key in URLs, logs and the API.
    status: RunStatus
    #: The name of the stage on pages and in the API.
    label: str
    #: Does the stage's work and says how it ended. None if a person decides and no worker has anything to do.
    run: Callable[[Context], Outcome] | None
    #: Whether a cancelled run has something to stop or to put back first, so that ``run`` has to end it.
    #: If False, the run ends without another call of ``run``.
    stops_itself: Callable[[Run], bool] = lambda run: False
    #: What the template of the stage's tab needs besides the run and the record of the stage.
    panel: Callable[[Run, StageRecord | None, User], dict[str, Any]] = lambda run, record, user: {}

    @property
    def template(self) -> str:
        """The template of the stage's tab on the page of a run."""
        return f"deployments/_stage_{self.status.value}.html"


S = RunStatus

#: Every stage by its status, in the order of a run that has all of them.
TABLE: dict[RunStatus, Stage] = {
    stage.status: stage
    for stage in (
        Stage(S.PREFLIGHT, "Preflight", preflight.run_stage, stops_itself=preflight.stops_itself),
        Stage(S.PLAN, "Plan", plan.run_stage),
        Stage(S.COST, "Cost", cost.run_stage, panel=cost_panel),
        Stage(S.POLICY, "Policy", policy.run_stage, panel=policy_panel),
        Stage(S.APPROVAL, "Approval", None, panel=glass_panel),
        Stage(S.APPLY, "Apply", apply.run_stage, stops_itself=apply.stops_itself, panel=glass_panel),
        Stage(S.ENDPOINT, "Endpoint", endpoint.run_stage),
        Stage(S.SMOKE, "Smoke test", smoke.run_stage),
        Stage(S.ROLLOUT, "Rollout", rollout.run_stage, stops_itself=rollout.stops_itself, panel=rollout_panel),
    )
}
