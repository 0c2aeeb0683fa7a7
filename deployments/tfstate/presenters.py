"""Versions of a deployment's tfstate, and the differences between two versions."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from deployments.deployment.models import Deployment
from deployments.tfstate import store as statestore
from deployments.tfstate.models import StateVersion
from integrations.terraform.tfstate import StateChange, compare


@dataclass(frozen=True)
class Comparison:
    """``before`` is None for the first version."""

    before: StateVersion | None
    after: StateVersion
    changes: list[StateChange]


def versions(deployment: Deployment) -> QuerySet[StateVersion]:
    """All versions, newest first, without their content. One query."""
    rows = StateVersion.objects.filter(deployment=deployment)
    return rows.select_related("run").defer("ciphertext")


def comparison(after: StateVersion, before: StateVersion | None) -> Comparison:
    """Decrypt and compare two versions. Raises StateUnreadable if a key is missing."""
    return Comparison(before, after, compare(statestore.content(before) if before else None, statestore.content(after)))


def previous(version: StateVersion) -> StateVersion | None:
    return versions(version.deployment).filter(pk__lt=version.pk).first()
