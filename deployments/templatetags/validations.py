"""Validation badges for the versions on a model's page."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from catalog.models import ModelVersion, RegisteredModel
from deployments.stages.preflight.models import Validation
from deployments.stages.preflight.presenters import badge, newest_of

register = template.Library()


@register.simple_tag
def validations_of(model: RegisteredModel) -> dict[int, Validation]:
    """The newest validation of each version, by the version's id. One query."""
    return newest_of(model)


@register.simple_tag
def validation_badge(found: dict[int, Validation], version: ModelVersion) -> SafeString:
    return badge(found.get(version.pk))
