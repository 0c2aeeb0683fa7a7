"""What is known of the new version on one step of a rollout."""

from __future__ import annotations

from django.db import models


class StepVerdict(models.TextChoices):
    """What is known of the new version on one step of a rollout."""

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
