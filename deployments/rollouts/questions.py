"""Confirmation dialogs for moving traffic."""

from __future__ import annotations

from django.urls import reverse

from deployments.deployment.models import Deployment
from deployments.deployment.presenters import changes
from deployments.rollouts.rolling_back import RollbackTarget
from deployments.runs.models import Run
from deployments.runs.presenters import run_question
from web.views import Question


def promote_question(run: Run) -> Question:
    return run_question(
        run,
        "promote",
        title=f"Promote version {run.parsed_spec().version}?",
        text="The rollout continues with its next step without waiting for the current one to be judged. From an "
        "inconclusive or shadow step, the new version gets all traffic. From 100 %, the run ends.",
        confirm_label="Promote",
        cancel_label="Cancel",
        tone="info",
    )


def roll_back_question(run: Run) -> Question:
    return run_question(
        run,
        "rollback",
        title=f"Roll back from version {run.parsed_spec().version}?",
        text="All traffic goes back to the previous version in one update, without a build. The run ends.",
        confirm_label="Roll back",
        cancel_label="Cancel",
    )


def rollback_question(deployment: Deployment, target: RollbackTarget) -> Question:
    how = "It is still served, so only traffic moves." if target.is_served else "It has to be built first."
    wanted = {**target.run.spec, "rollout": deployment.spec.get("rollout", {})}
    return {
        "id": f"rollback-{target.run.pk}-dialog",
        "url": reverse("deployments:rollback", args=[deployment.pk, target.run.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": f"Roll back to version {target.version}?",
        "text": f"Restores what run #{target.run.pk} deployed, with all traffic at once. {how}",
        "shows_changes": True,
        "spec_changes": changes(deployment.spec, wanted),
        "confirm_label": f"Roll back to v{target.version}",
        "cancel_label": "Cancel",
    }


def rehearse_question(deployment: Deployment, target: RollbackTarget) -> Question:
    return {
        "id": "rehearse-dialog",
        "url": reverse("deployments:rehearse", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": "Rehearse the rollback?",
        "text": f"One run goes back to version {target.version}, and a second run returns to the current version. "
        f"Callers in {deployment.environment} get answers of version {target.version} in between.",
        "confirm_label": "Start the rehearsal",
        "cancel_label": "Cancel",
        "tone": "info",
    }
