"""The clean-up of a run on its page: whether to offer it, and its dialog."""

from __future__ import annotations

from deployments.runs.models import Run
from deployments.runs.presenters import run_question
from deployments.runs.statuses import CLEANABLE, RunKind
from web.views import Question


def may_clean_up(run: Run) -> bool:
    """Whether the page offers a clean-up. At most one query."""
    if run.status not in CLEANABLE or run.kind in (RunKind.ADOPT, RunKind.DESTROY) or run.deployment.destroyed_at:
        return False
    return bool(run.left_behind) and not Run.objects.filter(deployment=run.deployment_id, pk__gt=run.pk).exists()


def cleanup_question(run: Run) -> Question:
    deployment = run.deployment
    if deployment.intended_spec:
        version = deployment.intended_spec.get("version")
        text = (
            f"A run restores {deployment.name} to version {version}, which the last successful run left. To be removed:"
        )
    else:
        text = f"No run of {deployment.name} has succeeded yet, so a run deletes what this run created. To be removed:"
    return run_question(
        run,
        "cleanup",
        title=f"Clean up after run #{run.pk}?",
        text=text,
        listed=run.left_behind,
        confirm_label="Clean up",
        cancel_label="Cancel",
    )
