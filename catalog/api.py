"""Routes of the catalog's API."""

from __future__ import annotations

from catalog.mirror.api import EnvironmentViewSet
from catalog.registered_models.api import ModelVersionViewSet, ModelViewSet

routes: list[tuple[str, type, str]] = [
    ("models", ModelViewSet, "model"),
    (r"models/(?P<full_name>[^/\x00]+)/versions", ModelVersionViewSet, "model-version"),
    ("environments", EnvironmentViewSet, "environment"),
]
