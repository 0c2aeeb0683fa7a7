"""API tokens in the API."""

from __future__ import annotations

from rest_framework import serializers

from accounts.tokens.models import AccessToken, TokenScope
from accounts.tokens.services import MAX_DAYS


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
        read_only=True, allow_null=True, help_text="The token itself. Only the response to its creation contains it."
    )

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields
