"""Saved views for tests."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from monitoring.fleet.saved_views import ViewSettings, save_view
from monitoring.models import SavedView

FAILING = {"lens": "health", "status": "failing"}


def keep(owner: User, name: str = "Failing", query: dict[str, str] = FAILING, **more: Any) -> SavedView:
    return save_view(actor=owner, settings=ViewSettings(name, query, **more))
