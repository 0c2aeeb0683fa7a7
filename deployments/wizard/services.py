"""Submitting what the wizard has collected."""

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
    """Start the run of a finished draft; the draft is gone with it, so sending it twice gives one run.

    Raises Refused (draft_changed) when the draft is no longer at ``revision``, Invalid like the requests.
    """
    spec = parse_spec(draft.answers)
    with transaction.atomic():
        deleted, _ = Draft.objects.filter(pk=draft.pk, owner=actor, revision=revision).delete()
        if not deleted:
            raise Refused("draft_changed", "The draft has changed since you looked at it: read it again.")
        if draft.deployment is None:
            return request_deployment(spec=spec, actor=actor, hours_used_per_day=hours_used_per_day)
        return request_update(
            deployment=draft.deployment, spec=spec, actor=actor, hours_used_per_day=hours_used_per_day
        )
