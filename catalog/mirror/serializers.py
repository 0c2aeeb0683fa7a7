"""A requested refresh in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class RefreshSerializer(serializers.Serializer[Any]):
    started = serializers.BooleanField(help_text="false if an earlier refresh is still pending.")
