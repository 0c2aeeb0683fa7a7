"""Admin pages of accounts, for the platform team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.people.models import User
from accounts.signin.forms import ThrottledAdminLogin
from accounts.teams.models import Membership, Team
from accounts.tokens.models import AccessToken
from web.admin import Unchanged

admin.site.login_form = ThrottledAdminLogin
admin.site.site_header = admin.site.site_title = "Slipway"


if TYPE_CHECKING:
    # Django's admin classes take no type parameters at run time.
    Inline = admin.TabularInline[Membership, User | Team]
    PersonAdminBase = UserAdmin[User]
    TeamAdminBase = admin.ModelAdmin[Team]
    TokenAdminBase = admin.ModelAdmin[AccessToken]
else:
    Inline, PersonAdminBase = admin.TabularInline, UserAdmin
    TeamAdminBase = TokenAdminBase = admin.ModelAdmin


class MembershipInline(Inline):
    model = Membership
    extra = 0
    autocomplete_fields = ["team", "user"]


@admin.register(User)
class PersonAdmin(PersonAdminBase):
    inlines = [MembershipInline]
    list_display = ["username", "email", "first_name", "last_name", "is_active", "is_superuser"]


@admin.register(Team)
class TeamAdmin(TeamAdminBase):
    inlines = [MembershipInline]
    list_display = ["slug", "name", "cost_center", "created_at"]
    search_fields = ["slug", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Team | None = None) -> list[str]:
        """The slug cannot change: it is the schema of the team's models."""
        return ["slug"] if obj else []


@admin.register(AccessToken)
class AccessTokenAdmin(Unchanged, TokenAdminBase):
    """Tokens can be viewed and revoked here, but not created: only its owner may see a token."""

    list_display = ["name", "user", "scope", "created", "expiry", "last_used_at"]
    list_filter = ["scope"]
    list_select_related = ["user"]
    search_fields = ["name", "user__username"]
    fields = ("name", "user", "scope", "created", "expiry", "last_used_at")
    readonly_fields = ("name", "user", "scope", "created", "expiry", "last_used_at")
