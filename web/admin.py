"""What admin pages forbid. List it first: ``class RunAdmin(LookOnly, ModelAdmin)``."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


class Unchanged:
    """Forbids adding and changing."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LookOnly(Unchanged):
    """Forbids adding, changing and deleting."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
