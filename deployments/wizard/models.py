"""Drafts: what the wizard stores between its steps."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import User
from deployments.deployment.models import Deployment


class Draft(models.Model):
    """The answers of an unfinished wizard."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="drafts")
    deployment = models.ForeignKey(Deployment, on_delete=models.CASCADE, null=True, blank=True, related_name="drafts")
    data: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField(default=dict, blank=True)
    #: Increases with each save, to detect stale pages.
    revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def answers(self) -> dict[str, Any]:
        """The answers so far, in the shape of a spec. Parts may be missing or invalid."""
        found: dict[str, Any] = self.data.get("answers", {})
        return found

    @property
    def done(self) -> list[str]:
        """The completed steps."""
        found: list[str] = self.data.get("done", [])
        return found

    @classmethod
    def start(
        cls, owner: User, answers: dict[str, Any], done: list[str], deployment: Deployment | None, source: str
    ) -> Draft:
        """Create a draft. For a link, ``source`` is its query, and an unchanged draft of the same link is reused."""
        data = {"answers": answers, "done": done, "source": source}
        same = cls.objects.filter(owner=owner, deployment=deployment, revision=0, data=data) if source else None
        return (same and same.first()) or cls.objects.create(owner=owner, deployment=deployment, data=data)

    def save_answers(self, revision: int, answers: dict[str, Any], done: list[str]) -> bool:
        """Store the answers of a page that was rendered at ``revision``. False if the draft has changed since.

        Raises DoesNotExist if the draft was deployed or deleted in the meantime.
        """
        data = {**self.data, "answers": answers, "done": done}
        mine = Draft.objects.filter(pk=self.pk, revision=revision)
        saved = bool(mine.update(data=data, revision=revision + 1, updated_at=timezone.now()))
        self.refresh_from_db()
        return saved
