"""Confirmation dialogs for ending or resuming a run and for destroying a deployment."""

from __future__ import annotations

from django.urls import reverse

from deployments.deployment.models import Deployment
from deployments.runs.models import Run
from deployments.runs.presenters import run_question
from web.views import Question


def cancel_question(run: Run) -> Question:
    return run_question(
        run,
        "cancel",
        title=f"Cancel run #{run.pk}?",
        text="A running Terraform is interrupted and may leave resources behind. The run lists them.",
        confirm_label="Cancel the run",
        cancel_label="Keep running",
    )


def resume_question(run: Run) -> Question:
    return run_question(
        run,
        "resume",
        title=f"Resume run #{run.pk}?",
        text="The run is queued again and makes a new plan from the actual resources. Nothing is applied twice.",
        confirm_label="Resume",
        cancel_label="Cancel",
        tone="info",
    )


def destroy_question(deployment: Deployment) -> Question:
    return {
        "id": "destroy-dialog",
        "url": reverse("deployments:destroy", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": f"Destroy {deployment.name}?",
        "text": f"A run deletes the endpoint in {deployment.environment}: callers then get errors. "
        "The model and its versions stay in the registry.",
        "typed_name": deployment.name,
        "confirm_label": "Destroy the deployment",
    }
