"""Checking an endpoint now, and storing how it differs from what the last successful run left."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from catalog.workspaces.services import connect
from deployments.configuration.differences import FieldDifference, differences
from deployments.configuration.models import ConfigCheck
from deployments.configuration.reading import variables_of
from deployments.deployment.models import Deployment
from deployments.runs.models import Run
from deployments.runs.statuses import ACTIVE
from integrations.databricks.records import Endpoint
from integrations.errors import IntegrationError
from web.crypto import decrypt, encrypt
from web.formats import storable

Status = ConfigCheck.Status


def check(deployment: Deployment) -> ConfigCheck | None:
    """Compare the endpoint with ``Deployment.intended`` and store the result.

    Returns None, and stores nothing, if the deployment has no successful run, is destroyed, or has an active run.
    If the workspace cannot be read or an update is in progress, the status is unknown and the differences stay.
    """
    if not deployment.intended or deployment.destroyed_at or _is_at_work(deployment):
        return None
    try:
        live = connect(deployment.workspace).get_endpoint(deployment.name)
    except IntegrationError as error:
        return _keep(deployment, {"status": Status.UNKNOWN, "error": storable(error.message)})
    if live is not None and live.is_updating:
        return _keep(deployment, {"status": Status.UNKNOWN, "error": "An update of the endpoint is in progress."})
    return _keep(deployment, _result(deployment, live))


def live_variables(found: ConfigCheck) -> dict[str, Any]:
    """The endpoint's module variables at the time of this check; empty if the endpoint was gone."""
    return dict(orjson.loads(decrypt(found.live))) if found.live else {}


def _is_at_work(deployment: Deployment) -> bool:
    return Run.objects.filter(deployment=deployment, status__in=ACTIVE).exists()


def _result(deployment: Deployment, live: Endpoint | None) -> dict[str, Any]:
    found = differences(deployment.intended, live)
    now = timezone.now()
    before = ConfigCheck.objects.filter(deployment=deployment).first()
    seen = orjson.dumps(variables_of(live), option=orjson.OPT_SORT_KEYS) if live else b""
    return {
        "status": Status.DRIFTED if found else Status.IN_SYNC,
        "error": "",
        "differences": [_row(difference, before, now) for difference in found],
        "first_seen_at": ((before and before.first_seen_at) or now) if found else None,
        "changed_at": live.updated_at if live else None,
        "live": encrypt(seen) if live else b"",
        "fingerprint": hashlib.sha256(seen).hexdigest(),
    }


def _row(difference: FieldDifference, before: ConfigCheck | None, now: datetime) -> dict[str, str]:
    told = {name: storable(text) for name, text in asdict(difference).items()}
    known = before.differences if before else []
    same = (row for row in known if all(row.get(name) == text for name, text in told.items()))
    return {**told, "first_seen_at": next((row["first_seen_at"] for row in same), now.isoformat())}


def _keep(deployment: Deployment, values: dict[str, Any]) -> ConfigCheck | None:
    """Store ``values``, unless a run has started or ``intended`` has changed since ``deployment`` was read."""
    with transaction.atomic():
        now = Deployment.objects.select_for_update().get(pk=deployment.pk)
        if now.intended != deployment.intended or now.destroyed_at or _is_at_work(now):
            return None
        values = {**values, "checked_at": timezone.now()}
        found, _ = ConfigCheck.objects.update_or_create(deployment=now, defaults=values)
    return found
