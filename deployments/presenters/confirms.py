"""Questions before something happens: the variables of ui/_confirm_form.html, for the page and the dialog alike."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from deployments.models import Deployment, Run

Question = dict[str, Any]


def _run_question(run: Run, action: str, **words: Any) -> Question:
    return {
        "id": f"{action}-dialog",
        "url": reverse(f"deployments:run_{action}", args=[run.pk]),
        "cancel_url": reverse("deployments:run", args=[run.pk]),
        **words,
    }


def cancel_question(run: Run) -> Question:
    return _run_question(
        run,
        "cancel",
        title=f"Cancel run #{run.pk}?",
        text="A Terraform that is at work is interrupted and may leave resources behind; the run will list them.",
        confirm_label="Cancel the run",
        cancel_label="Let it run",
    )


def resume_question(run: Run) -> Question:
    return _run_question(
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
    return _run_question(
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
    return _run_question(
        run,
        "reject",
        title=f"Reject run #{run.pk}?",
        text="The run ends here and nothing is changed.",
        reason_label="Reason, for the person who asked",
        reason_required=True,
        confirm_label="Reject",
        cancel_label="Not yet",
    )


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
