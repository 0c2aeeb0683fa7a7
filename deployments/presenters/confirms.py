"""Questions before something happens: the variables of ui/_confirm_form.html, for the page and the dialog alike."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from deployments.models import Deployment, Freeze, PolicyResult, Run
from deployments.presenters.specs import changes
from deployments.services import RollbackTarget

Question = dict[str, Any]


def run_question(run: Run, action: str, **words: Any) -> Question:
    return {
        "id": f"{action}-dialog",
        "url": reverse(f"deployments:run_{action}", args=[run.pk]),
        "cancel_url": reverse("deployments:run", args=[run.pk]),
        **words,
    }


def cancel_question(run: Run) -> Question:
    return run_question(
        run,
        "cancel",
        title=f"Cancel run #{run.pk}?",
        text="A Terraform that is at work is interrupted and may leave resources behind; the run will list them.",
        confirm_label="Cancel the run",
        cancel_label="Let it run",
    )


def resume_question(run: Run) -> Question:
    return run_question(
        run,
        "resume",
        title=f"Resume run #{run.pk}?",
        text="It is queued again, looks at what is really there, and makes a new plan. Nothing is applied twice.",
        confirm_label="Resume",
        cancel_label="Not now",
        tone="info",
    )


def approve_question(run: Run) -> Question:
    plan = run.plan
    return run_question(
        run,
        "approve",
        title=f"Approve run #{run.pk}?",
        text=" ".join(f"{sentence}." for sentence in plan.sentences),
        reason_label="Reason",
        hidden={"plan_sha256": plan.sha256},
        confirm_label="Approve this plan",
        cancel_label="Not yet",
        tone="info",
    )


def reject_question(run: Run) -> Question:
    return run_question(
        run,
        "reject",
        title=f"Reject run #{run.pk}?",
        text="The run ends here and nothing is changed.",
        reason_label="Reason, for the person who asked",
        reason_required=True,
        confirm_label="Reject",
        cancel_label="Not yet",
    )


def override_question(run: Run, result: PolicyResult, title: str) -> Question:
    return {
        "id": f"override-{result.pk}-dialog",
        "url": reverse("deployments:run_override", args=[run.pk, result.pk]),
        "cancel_url": f"{reverse('deployments:run', args=[run.pk])}?tab=policy",
        "title": f"Override “{title}” for run #{run.pk}?",
        "text": f"{result.message} The override holds for this plan only.",
        "reason_label": "Why it need not be met this time",
        "reason_required": True,
        "confirm_label": "Override",
        "cancel_label": "Not yet",
    }


def break_glass_question(run: Run) -> Question:
    return {
        "id": "break-glass-dialog",
        "url": reverse("deployments:run_break_glass", args=[run.pk]),
        "cancel_url": f"{reverse('deployments:run', args=[run.pk])}?tab=approval",
        "title": f"Apply run #{run.pk} without a second person?",
        "text": f"Only for emergencies. Every approver of {run.deployment.team} is told who did it and why, and it "
        "stays in the audit trail. A freeze does not hold it up.",
        "reason_label": "Reason, at least 10 characters",
        "reason_required": True,
        "hidden": {"plan_sha256": run.plan.sha256},
        "confirm_label": "Break the glass and apply",
        "cancel_label": "Wait for a second person",
    }


def lift_question(freeze: Freeze) -> Question:
    return {
        "id": f"lift-{freeze.pk}-dialog",
        "url": reverse("deployments:freeze_lift", args=[freeze.pk]),
        "cancel_url": reverse("deployments:freezes"),
        "title": f"Lift the freeze of {freeze.subject}?",
        "text": "Runs that wait for its end are applied at once.",
        "confirm_label": "Lift the freeze",
        "cancel_label": "Keep it",
        "tone": "info",
    }


def destroy_question(deployment: Deployment) -> Question:
    return {
        "id": "destroy-dialog",
        "url": reverse("deployments:destroy", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": f"Destroy {deployment.name}?",
        "text": f"A run deletes the endpoint in {deployment.environment}: callers get errors from then on. "
        "The model and its versions stay in the registry.",
        "typed_name": deployment.name,
        "confirm_label": "Destroy the deployment",
    }


def promote_question(run: Run) -> Question:
    return run_question(
        run,
        "promote",
        title=f"Promote version {run.parsed_spec().version}?",
        text="The rollout goes on with its next step, without waiting for the present one to be judged. From a step "
        "that cannot be judged, or a shadow, it goes on with all traffic; from 100 % the run ends.",
        confirm_label="Promote",
        cancel_label="Keep watching",
        tone="info",
    )


def roll_back_question(run: Run) -> Question:
    return run_question(
        run,
        "rollback",
        title=f"Take the traffic back from version {run.parsed_spec().version}?",
        text="All traffic goes back to the version before in one update, nothing is built, and the run ends.",
        confirm_label="Roll back",
        cancel_label="Keep watching",
    )


def rollback_question(deployment: Deployment, target: RollbackTarget) -> Question:
    how = "It is still served: only traffic moves." if target.is_served else "It has to be built again first."
    wanted = {**target.run.spec, "rollout": deployment.spec.get("rollout", {})}
    return {
        "id": f"rollback-{target.run.pk}-dialog",
        "url": reverse("deployments:rollback", args=[deployment.pk, target.run.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": f"Roll back to version {target.version}?",
        "text": f"As run #{target.run.pk} left it, with all traffic at once. {how}",
        "shows_changes": True,
        "spec_changes": changes(deployment.spec, wanted),
        "confirm_label": f"Roll back to v{target.version}",
        "cancel_label": "Keep what serves now",
    }


def rehearse_question(deployment: Deployment, target: RollbackTarget) -> Question:
    return {
        "id": "rehearse-dialog",
        "url": reverse("deployments:rehearse", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": "Rehearse the rollback?",
        "text": f"One run goes back to version {target.version}, a second one returns to what serves now. "
        f"Callers in {deployment.environment} get answers of version {target.version} in between.",
        "confirm_label": "Start the rehearsal",
        "cancel_label": "Not now",
        "tone": "info",
    }
