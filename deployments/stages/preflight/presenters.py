"""Validations of versions as badges."""

from __future__ import annotations

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from catalog.models import RegisteredModel
from deployments.stages.preflight.models import Validation


def newest_of(model: RegisteredModel) -> dict[int, Validation]:
    """The newest validation of each version, by the version's id. One query."""
    rows = Validation.objects.filter(version__model=model).defer("result").order_by("pk")
    return {row.version_id: row for row in rows}


def badge(validation: Validation | None) -> SafeString:
    """The badge of a validation. Without one, the version counts as not validated."""
    return render_to_string("deployments/_validation_badge.html", {"validation": validation})
