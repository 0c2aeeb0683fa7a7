"""Teams and their members in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.teams.models import Membership, Team
from accounts.teams.roles import Role


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
    monthly_budget = serializers.DecimalField(
        max_digits=12,
        decimal_places=2,
        min_value=0,
        allow_null=True,
        help_text="Limit of the monthly cost of all endpoints; null removes the limit.",
    )
    budget_currency = serializers.RegexField(r"^[A-Za-z]{3}$", default="USD", help_text="Currency code by ISO 4217.")


class NewMemberSerializer(serializers.Serializer[Membership]):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Role.choices)


class RoleSerializer(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(choices=Role.choices)
