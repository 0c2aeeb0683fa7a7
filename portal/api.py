"""The router of the API, built from the routes of all apps."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import DefaultRouter

import accounts.api
import catalog.api
import deployments.api
import monitoring.api

router = DefaultRouter()
APPS = (accounts.api, catalog.api, deployments.api, monitoring.api)
for prefix, viewset, basename in [route for app in APPS for route in app.routes]:
    router.register(prefix, viewset, basename=basename)

urlpatterns: list[URLPattern | URLResolver] = [
    *router.urls,
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="portal/api_docs.html"),
        name="api-docs",
    ),
]
