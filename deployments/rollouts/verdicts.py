"""The verdicts on the steps of a rollout."""

from __future__ import annotations

from django.db import models


class StepVerdict(models.TextChoices):
    """The verdict on the new version in one step of a rollout."""

    RUNNING = "running", "Running"
    PASSED = "passed", "Passed"
    BREACHED = "breached", "Breached"
    INCONCLUSIVE = "inconclusive", "Inconclusive"
    SKIPPED = "skipped", "Skipped"


STEP_TONES: dict[StepVerdict, str] = {
    StepVerdict.RUNNING: "busy",
    StepVerdict.PASSED: "ok",
    StepVerdict.BREACHED: "bad",
    StepVerdict.INCONCLUSIVE: "unknown",
    StepVerdict.SKIPPED: "idle",
}
