"""The Configuration card: how the endpoint compares with the requested configuration."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from deployments.configuration.models import ConfigCheck, check_of
from deployments.deployment.models import Deployment, EndpointState
from web.views import Question

NEVER = EndpointState("unknown", "Unknown · never checked")

NOT_YET = EndpointState("idle", "No successful run yet")


@dataclass(frozen=True)
class Difference:
    field: str
    intended: str
    live: str
    first_seen_at: datetime | None


@dataclass(frozen=True)
class Card:
    """``found`` is None before the first check."""

    state: EndpointState
    found: ConfigCheck | None
    differences: list[Difference]

    @property
    def is_drifted(self) -> bool:
        return self.found is not None and self.found.status == ConfigCheck.Status.DRIFTED


def card(deployment: Deployment) -> Card:
    found = check_of(deployment)
    if found is None:
        return Card(NEVER if deployment.intended else NOT_YET, None, [])
    differences = [
        Difference(row["field"], row["intended"], row["live"], datetime.fromisoformat(row["first_seen_at"]))
        for row in found.differences
    ]
    return Card(found.state(), found, differences)


def _question(deployment: Deployment, action: str, **words: Any) -> Question:
    return {
        "id": f"{action}-dialog",
        "url": reverse(f"deployments:config_{action}", args=[deployment.pk]),
        "cancel_url": reverse("deployments:deployment", args=[deployment.pk]),
        "cancel_label": "Cancel",
        **words,
    }


def accept_question(deployment: Deployment, found: ConfigCheck) -> Question:
    told = "; ".join(f"{row['field']}: {row['intended']} → {row['live']}" for row in found.differences)
    return _question(
        deployment,
        "accept",
        title=f"Accept the live configuration of {deployment.name}?",
        text=f"It becomes the requested configuration: {told}. The endpoint is not changed.",
        hidden={"fingerprint": found.fingerprint},
        confirm_label="Accept",
        tone="info",
    )


def revert_question(deployment: Deployment) -> Question:
    return _question(
        deployment,
        "revert",
        title=f"Revert {deployment.name}?",
        text="A run with the last successful spec plans how to restore the endpoint. It goes through the same checks "
        "and approvals as any other run.",
        confirm_label="Start the run",
        tone="info",
    )
