"""The confirmation dialog for an action on a run."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from deployments.runs.models import Run
from web.views import Question


def run_question(run: Run, action: str, **words: Any) -> Question:
    return {
        "id": f"{action}-dialog",
        "url": reverse(f"deployments:run_{action}", args=[run.pk]),
        "cancel_url": reverse("deployments:run", args=[run.pk]),
        **words,
    }
