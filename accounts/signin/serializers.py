"""The current user in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.people.models import User
from accounts.teams.models import Membership
from accounts.tokens.models import TokenScope


class MyTeamSerializer(serializers.ModelSerializer[Membership]):
    team = serializers.SlugField(source="team.slug", read_only=True)

    class Meta:
        model = Membership
        fields = ["team", "role"]
        read_only_fields = fields


class MeSerializer(serializers.ModelSerializer[User]):
    teams = MyTeamSerializer(source="memberships", many=True, read_only=True)
    token_scope = serializers.ChoiceField(
        choices=TokenScope.choices,
        read_only=True,
        allow_null=True,
        help_text="Scope of the token that authenticates this request; null for a browser session.",
    )

    class Meta:
        model = User
        fields = ["username", "display_name", "email", "is_platform_admin", "teams", "token_scope"]
        read_only_fields = fields
