"""Pages of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path

from accounts import views

pages = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", views.revoke, name="revoke"),
    path("teams/", views.teams, name="teams"),
    path("teams/<slug:slug>/", views.team, name="team"),
    path("teams/<slug:slug>/budget/", views.budget, name="budget"),
    path("teams/<slug:slug>/members/<int:pk>/role/", views.role, name="role"),
    path("teams/<slug:slug>/members/<int:pk>/remove/", views.remove, name="remove"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", include((pages, "accounts"))),
]
