"""Saved views: named filters of the fleet."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import Team, User

MAX_NAME_CHARS = 60


class SavedViewQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser) -> SavedViewQuerySet:
        """The user's own views, and those shared with teams that they can see."""
        if not isinstance(user, User):
            return self.none()
        return self.filter(Q(owner=user) | Q(team__in=Team.objects.visible_to(user)))


class SavedView(models.Model):
    """A named filter of the fleet."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=MAX_NAME_CHARS)
    #: {parameter of the fleet: text}, without page and format.
    query = models.JSONField()
    #: The team that can see it too; null for the owner alone.
    team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True, related_name="saved_views")
    #: The owner's fleet opens with it.
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint("owner", Lower("name"), name="one_view_per_name"),
            models.UniqueConstraint(fields=["owner"], condition=Q(is_default=True), name="one_default_view"),
        ]

    def __str__(self) -> str:
        return self.name
