"""The left-behind lock of a tfstate, as the deployment's page shows it."""

from __future__ import annotations

from django.urls import reverse

from deployments.deployment.models import Deployment
from deployments.tfstate.models import StateLock
from web.views import Question


def left_lock(deployment: Deployment) -> StateLock | None:
    """The lock, if no live run holds it. No query without a lock if ``state_lock`` is selected."""
    lock: StateLock | None = getattr(deployment, "state_lock", None)
    return lock if lock is not None and lock.run_at_work() is None else None


def unlock_question(deployment: Deployment, lock: StateLock) -> Question:
    return {
        "id": "unlock-dialog",
        "url": reverse("deployments:force_unlock", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "title": f"Free the state lock of {deployment.name}?",
        "text": f"Run #{lock.run_id} holds the lock, but no worker holds that run. If its Terraform is still running, "
        "it can no longer save its state. Check the workspace first.",
        "reason_label": "Reason, at least 10 characters",
        "reason_required": True,
        "hidden": {"lock_id": lock.lock_id},
        "confirm_label": "Free the lock",
        "cancel_label": "Cancel",
    }
