"""A refresh as the API shows it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class RefreshSerializer(serializers.Serializer[Any]):
    started = serializers.BooleanField(help_text="false: a refresh was asked for before and is still going on.")
