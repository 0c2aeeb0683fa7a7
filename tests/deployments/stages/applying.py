"""What was applied, judged from the rows alone and not by the code that let it be."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from catalog.models import Environment
from deployments.models import Approval, Freeze, PolicyResult, Run, RunPlan


@dataclass(frozen=True)
class Applied:
    """A plan at the moment at which Terraform would have started, judged anew from the rows."""

    plan_sha256: str
    lacks_approval: bool
    was_frozen: bool
    was_blocked: bool

    @classmethod
    def of(cls, run: Run) -> Applied:
        plan = RunPlan.objects.get(run=run)
        words = Approval.objects.filter(
            run=run, plan_sha256=plan.sha256, state_serial=plan.state_serial, model_version=run.spec["version"]
        )
        glass = any(word.decision == "break_glass" for word in words)
        second = any(word.decision == "approved" and word.decided_by_id != run.requested_by_id for word in words)
        results = PolicyResult.objects.filter(run=run, plan_sha256=plan.sha256)
        asked = Environment.objects.get(deployments=run.deployment_id).needs_approval or any(
            row.asks_approval for row in results
        )
        frozen = Freeze.objects.filter(lifted_at=None, ends_at__gt=timezone.now()).exists()
        blocked = [row for row in results if row.outcome == "mandatory" or row.is_blocking]
        return cls(plan.sha256, asked and not (glass or second), frozen and not glass, bool(blocked))
