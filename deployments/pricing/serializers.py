"""Estimates as the API shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class PriceRangeSerializer(serializers.Serializer[Any]):
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)


class EstimateSerializer(serializers.Serializer[Any]):
    """The price of a month. Money is text in ``currency``; null, and never 0, where it is not known."""

    summary = serializers.CharField(read_only=True, help_text="In a sentence; why there is no price if there is none.")
    low = serializers.CharField(read_only=True, allow_null=True)
    high = serializers.CharField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    problem = serializers.CharField(read_only=True, help_text="Why there is no price; empty if there is one.")
    now = PriceRangeSerializer(read_only=True, allow_null=True, help_text="What is live now.")
    difference = PriceRangeSerializer(read_only=True, allow_null=True, help_text="Against what is live now.")
