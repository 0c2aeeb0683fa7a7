"""People, teams and tokens as the API shows them."""

from __future__ import annotations

from rest_framework import serializers

from accounts.models import AccessToken, Membership, Team, TokenScope, User
from accounts.roles import Role
from accounts.services.tokens import MAX_DAYS


class MembershipSerializer(serializers.ModelSerializer[Membership]):
    username = serializers.CharField(source="user.username", read_only=True)
    display_name = serializers.CharField(source="user.display_name", read_only=True)

    class Meta:
        model = Membership
        fields = ["username", "display_name", "role"]
        read_only_fields = ["role"]


class TeamSerializer(serializers.ModelSerializer[Team]):
    class Meta:
        model = Team
        fields = ["slug", "name", "cost_center", "monthly_budget", "budget_currency", "created_at"]
        read_only_fields = fields


class TeamDetailSerializer(serializers.ModelSerializer[Team]):
    members = MembershipSerializer(source="memberships", many=True, read_only=True)

    class Meta:
        model = Team
        fields = ["slug", "name", "cost_center", "monthly_budget", "budget_currency", "created_at", "members"]
        read_only_fields = fields


class BudgetSerializer(serializers.Serializer[Team]):
    """null takes the limit away."""

    monthly_budget = serializers.DecimalField(max_digits=12, decimal_places=2, min_value=0, allow_null=True)
    budget_currency = serializers.RegexField(r"^[A-Za-z]{3}$", default="USD", help_text="ISO 4217.")


class NewMemberSerializer(serializers.Serializer[Membership]):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


class RoleSerializer(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(choices=Role.choices)


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    expires_at = serializers.DateTimeField(source="expiry", read_only=True)
    created_at = serializers.DateTimeField(source="created", read_only=True)

    class Meta:
        model = AccessToken
        fields = ["id", "name", "scope", "created_at", "expires_at", "last_used_at"]
        read_only_fields = fields


class NewTokenSerializer(serializers.Serializer[AccessToken]):
    name = serializers.CharField(max_length=120)
    scope = serializers.ChoiceField(choices=TokenScope.choices, default=TokenScope.READ)
    expires_in_days = serializers.IntegerField(min_value=1, max_value=MAX_DAYS, default=90)


class CreatedTokenSerializer(TokenSerializer):
    token = serializers.CharField(
        read_only=True, allow_null=True, help_text="The token itself. It is shown in this answer and never again."
    )

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


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
        help_text="Scope of the token this request came with; null for a browser session.",
    )

    class Meta:
        model = User
        fields = ["username", "display_name", "email", "is_platform_admin", "teams", "token_scope"]
        read_only_fields = fields
