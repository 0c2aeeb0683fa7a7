"""A reading for tests of the fleet."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from deployments.models import Deployment
from monitoring.models import HealthSource


def read_now(deployment: Deployment, age: timedelta = timedelta(0)) -> None:
    """Its metrics were read ``age`` ago."""
    at = timezone.now() - age
    HealthSource.objects.update_or_create(deployment=deployment, defaults={"minute": at, "tried_at": at})
