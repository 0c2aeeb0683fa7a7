"""Pages of the catalog."""

from __future__ import annotations

from django.urls import path, register_converter

from catalog.mirror import views as mirror_views
from catalog.registered_models import views as registered_models_views
from catalog.workspaces import views as workspaces_views


class FullNameConverter:
    """A model's full name: one path segment without NUL characters, which databases reject."""

    regex = r"[^/\x00]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(FullNameConverter, "full_name")
app_name = "catalog"
urlpatterns = [
    path("models/", registered_models_views.models, name="models"),
    path("models/sync-status/", mirror_views.sync_status, name="sync_status"),
    path("models/refresh/", mirror_views.refresh, name="refresh"),
    path("models/<full_name:full_name>/", registered_models_views.model, name="model"),
    path("models/<full_name:full_name>/risk/", registered_models_views.risk, name="risk"),
    path("environments/", workspaces_views.environments, name="environments"),
]
