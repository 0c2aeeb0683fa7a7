"""What the tab of a single stage shows besides its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts.models import User
from deployments.policies.presenters import glass_panel, policy_panel
from deployments.pricing.presenters import cost_panel
from deployments.rollouts.presenters import rollout_panel
from deployments.runs.models import Run
from deployments.runs.records import StageRecord

PanelContext = Callable[[Run, StageRecord | None, User], dict[str, Any]]

# By the key of the stage; a stage that is not here shows what its record says.
PANELS: dict[str, PanelContext] = {
    "cost": cost_panel,
    "policy": policy_panel,
    "approval": glass_panel,
    "apply": glass_panel,
    "rollout": rollout_panel,
}


def panel_context(run: Run, shown: str, record: StageRecord | None, user: User) -> dict[str, Any]:
    """The template of the tab ``shown`` and what it needs."""
    more = PANELS[shown](run, record, user) if shown in PANELS else {}
    return {"panel_template": f"deployments/_stage_{shown}.html", **more}
