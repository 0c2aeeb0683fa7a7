"""Starting a trial of an endpoint."""

from __future__ import annotations

import json
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.teams.roles import Action
from deployments.deployment.models import Deployment
from deployments.deployment.permissions import require
from deployments.runs.requests import refuse_destroyed
from deployments.trials.models import TestRequest
from deployments.trials.tasks import run_test_request
from web.errors import Invalid


def request_test(*, deployment: Deployment, body: Any, actor: User) -> TestRequest:
    """Send ``body`` to the endpoint from a worker. The answer appears on the returned row.

    Raises Invalid if ``body`` is not a JSON object.
    """
    require(actor, Action.VIEW, deployment)
    refuse_destroyed(deployment)
    _refuse_unsendable(body)
    request = TestRequest.objects.create(deployment=deployment, requested_by=actor, body=body)
    transaction.on_commit(lambda: run_test_request.delay(request.pk), robust=True)
    return request


def _refuse_unsendable(body: Any) -> None:
    if not isinstance(body, dict):
        raise Invalid({"body": ["Send a JSON object, for example with dataframe_split."]})
    try:
        text = json.dumps(body, allow_nan=False)
    except (ValueError, RecursionError):
        raise Invalid({"body": ["This JSON cannot be sent."]}) from None
    if "\\u0000" in text:
        raise Invalid({"body": ["Null characters are not allowed."]})
