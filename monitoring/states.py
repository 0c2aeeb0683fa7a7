"""The four answers to "how is it?". Unknown is an answer of its own and is never shown as good."""

from __future__ import annotations

from django.db import models


class Standing(models.TextChoices):
    """From worst to best, but for unknown, which is no place in that order."""

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
