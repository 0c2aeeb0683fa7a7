"""Pages of the catalog."""

from __future__ import annotations

from django.urls import path, register_converter

from catalog import views


class FullNameConverter:
    """A model's full name: one segment without NUL characters, which no database takes."""

    regex = r"[^/\x00]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(FullNameConverter, "full_name")
app_name = "catalog"
urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/sync-status/", views.sync_status, name="sync_status"),
    path("models/refresh/", views.refresh, name="refresh"),
    path("models/<full_name:full_name>/", views.model, name="model"),
    path("models/<full_name:full_name>/risk/", views.risk, name="risk"),
    path("environments/", views.environments, name="environments"),
]
