"""Endpoints as they were asked for and as they are, for tests of configurations."""

from __future__ import annotations

import copy
from typing import Any

from django.utils import timezone

from deployments.configuration.differences import differences
from deployments.models import ConfigCheck, Deployment
from integrations.databricks import decoding


def checked(deployment: Deployment, status: str = "drifted", **values: Any) -> ConfigCheck:
    """A check of ``deployment`` by hand, without a workspace."""
    now = timezone.now()
    found = differences(INTENDED, live(entity={"workload_size": "Medium"})) if status == "drifted" else []
    rows = [{**vars(row), "first_seen_at": now.isoformat()} for row in found]
    given = {"checked_at": now, "status": status, "differences": rows, "fingerprint": "a" * 64, **values}
    return ConfigCheck.objects.create(deployment=deployment, **given)


INTENDED: dict[str, Any] = {
    "endpoint_name": "card-fraud",
    "served_entities": [
        {
            "name": "card_fraud-3",
            "entity_name": "staging.fraud.card_fraud",
            "entity_version": "3",
            "workload_type": "CPU",
            "workload_size": "Small",
            "scale_to_zero_enabled": True,
            "environment_vars": {"MODE": "{{secrets/fraud/mode}}", "LEVEL": "canary-value"},
        }
    ],
    "routes": [{"served_entity_name": "card_fraud-3", "traffic_percentage": 100}],
    "tags": {"team": "fraud", "managed_by": "slipway", "cost_center": "12"},
    "inference_table": None,
}


def live(**changes: Any) -> Any:
    """The endpoint as the API answers after the run that intended INTENDED."""
    entity = {**INTENDED["served_entities"][0], **changes.pop("entity", {})}
    routes = [{"served_model_name": entity["name"], "served_entity_name": entity["name"], "traffic_percentage": 100}]
    config: dict[str, Any] = {"served_entities": [entity], "traffic_config": {"routes": routes}, "config_version": 2}
    config |= changes.pop("config", {})
    tags = changes.pop("tags", INTENDED["tags"])
    row = {
        "name": "card-fraud",
        "id": "e1",
        "state": {"ready": "READY", "config_update": "NOT_UPDATING"},
        "config": config,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        **changes,
    }
    return decoding.endpoint(copy.deepcopy(row))
