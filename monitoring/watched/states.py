"""The standing of a deployment. Missing data counts as unknown, never as healthy."""

from __future__ import annotations

from django.db import models


class Standing(models.TextChoices):
    """From worst to best. Unknown is outside of that order."""

    FAILING = "failing", "Failing"
    AT_RISK = "at_risk", "At risk"
    PASSING = "passing", "Passing"
    UNKNOWN = "unknown", "Unknown"


TONES = {
    Standing.FAILING: "bad",
    Standing.AT_RISK: "warn",
    Standing.PASSING: "ok",
    Standing.UNKNOWN: "unknown",
}
