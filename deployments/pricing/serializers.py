"""Estimates as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class PriceRangeSerializer(serializers.Serializer[Any]):
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)


class EstimateSerializer(serializers.Serializer[Any]):
    """The price of a month. Money is text in ``currency``; null, never 0, if it is unknown."""

    summary = serializers.CharField(read_only=True, help_text="The price in a sentence, or why there is none.")
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    problem = serializers.CharField(read_only=True, help_text="Why there is no price; empty if there is one.")
    now = PriceRangeSerializer(read_only=True, allow_null=True, help_text="The price of what is live now.")
    difference = PriceRangeSerializer(read_only=True, allow_null=True, help_text="Difference to what is live now.")
