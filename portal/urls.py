"""URLs of the portal: the pages of all apps and the API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from portal import api, views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("components/", views.components, name="components"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api.urlpatterns)),
    path("", include("accounts.urls")),
    path("", include("catalog.urls")),
    path("", include("deployments.urls")),
    path("", include("monitoring.urls")),
]

handler400 = "portal.views.bad_request"
handler403 = "portal.views.permission_denied"
handler404 = "portal.views.not_found"
handler500 = "portal.views.server_error"
