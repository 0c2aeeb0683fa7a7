"""Confirmation dialogs for decisions on a run or a freeze."""

from __future__ import annotations

from django.urls import reverse

from deployments.policies.models import Freeze, PolicyResult
from deployments.runs.models import Run
from deployments.runs.presenters import run_question
from web.views import Question


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
        cancel_label="Cancel",
        tone="info",
    )


def reject_question(run: Run) -> Question:
    return run_question(
        run,
        "reject",
        title=f"Reject run #{run.pk}?",
        text="The run ends and nothing is changed.",
        reason_label="Reason, for the person who requested the run",
        reason_required=True,
        confirm_label="Reject",
        cancel_label="Cancel",
    )


def override_question(run: Run, result: PolicyResult, title: str) -> Question:
    return {
        "id": f"override-{result.pk}-dialog",
        "url": reverse("deployments:run_override", args=[run.pk, result.pk]),
        "cancel_url": f"{reverse('deployments:run', args=[run.pk])}?tab=policy",
        "title": f"Override “{title}” for run #{run.pk}?",
        "text": f"{result.message} The override is valid for this plan only.",
        "reason_label": "Reason why it need not be met this time",
        "reason_required": True,
        "confirm_label": "Override",
        "cancel_label": "Cancel",
    }


def break_glass_question(run: Run) -> Question:
    return {
        "id": "break-glass-dialog",
        "url": reverse("deployments:run_break_glass", args=[run.pk]),
        "cancel_url": f"{reverse('deployments:run', args=[run.pk])}?tab=approval",
        "title": f"Apply run #{run.pk} without a second person?",
        "text": f"Only for emergencies. Every approver of {run.deployment.team} is notified of who did it and why. It "
        "is recorded in the audit trail. A freeze does not stop it.",
        "reason_label": "Reason, at least 10 characters",
        "reason_required": True,
        "hidden": {"plan_sha256": run.plan.sha256},
        "confirm_label": "Break the glass and apply",
        "cancel_label": "Cancel",
    }


def lift_question(freeze: Freeze) -> Question:
    return {
        "id": f"lift-{freeze.pk}-dialog",
        "url": reverse("deployments:freeze_lift", args=[freeze.pk]),
        "cancel_url": reverse("deployments:freezes"),
        "title": f"Lift the freeze of {freeze.subject}?",
        "text": "Runs that wait for its end start to apply at once.",
        "confirm_label": "Lift the freeze",
        "cancel_label": "Cancel",
        "tone": "info",
    }
