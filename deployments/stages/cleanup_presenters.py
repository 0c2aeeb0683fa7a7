"""What a clean-up after a run would remove, as its page and its dialog say it."""

from __future__ import annotations

from deployments.runs.models import Run
from deployments.runs.presenters import run_question
from deployments.runs.statuses import CLEANABLE, RunKind
from web.views import Question


def may_clean_up(run: Run) -> bool:
    """Whether it makes sense to offer it; one query if everything else says yes."""
    if run.status not in CLEANABLE or run.kind in (RunKind.ADOPT, RunKind.DESTROY) or run.deployment.destroyed_at:
        return False
    return bool(run.left_behind) and not Run.objects.filter(deployment=run.deployment_id, pk__gt=run.pk).exists()


def cleanup_question(run: Run) -> Question:
    deployment = run.deployment
    if deployment.intended_spec:
        version = deployment.intended_spec.get("version")
        text = f"A run puts {deployment.name} back to what the last good run left, version {version}. What goes:"
    else:
        text = f"No run of {deployment.name} has succeeded yet, so a run deletes what this one made. What goes:"
    return run_question(
        run,
        "cleanup",
        title=f"Clean up after run #{run.pk}?",
        text=text,
        listed=run.left_behind,
        confirm_label="Clean up",
        cancel_label="Leave it",
    )
