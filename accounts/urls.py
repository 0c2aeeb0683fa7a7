"""Pages of accounts."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, URLResolver, include, path

from accounts.signin import views as signin_views
from accounts.teams import views as teams_views
from accounts.tokens import views as tokens_views

pages = [
    path("tokens/", tokens_views.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", tokens_views.revoke, name="revoke"),
    path("teams/", teams_views.teams, name="teams"),
    path("teams/<slug:slug>/", teams_views.team, name="team"),
    path("teams/<slug:slug>/budget/", teams_views.budget, name="budget"),
    path("teams/<slug:slug>/members/<int:pk>/role/", teams_views.role, name="role"),
    path("teams/<slug:slug>/members/<int:pk>/remove/", teams_views.remove, name="remove"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", signin_views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", include((pages, "accounts"))),
]
