"""Submitting a draft."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from accounts.models import User
from deployments.deployment.specs import parse_spec
from deployments.runs.models import Run
from deployments.runs.services import request_deployment, request_update
from deployments.wizard.models import Draft
from web.errors import Refused


def submit_draft(*, draft: Draft, revision: int, actor: User, hours_used_per_day: Decimal | None = None) -> Run:
    """Start the run of a finished draft and delete the draft, so that submitting it twice gives one run.

    Raises Refused (draft_changed) if the draft is no longer at ``revision``, and Invalid if the spec is not valid.
    """
    spec = parse_spec(draft.answers)
    with transaction.atomic():
        deleted, _ = Draft.objects.filter(pk=draft.pk, owner=actor, revision=revision).delete()
        if not deleted:
            raise Refused("draft_changed", "The draft has changed since you looked at it. Review it again.")
        if draft.deployment is None:
            return request_deployment(spec=spec, actor=actor, hours_used_per_day=hours_used_per_day)
        return request_update(
            deployment=draft.deployment, spec=spec, actor=actor, hours_used_per_day=hours_used_per_day
        )
