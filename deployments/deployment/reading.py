"""Reading the observed fields of a deployment from its workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from catalog.workspaces.services import connect
from deployments.deployment.models import Deployment
from integrations.databricks.records import Endpoint, QueryResult, ServedEntity
from integrations.errors import IntegrationError
from web.formats import storable


@dataclass(frozen=True)
class Observed:
    """The observed fields of a deployment, by column name."""

    values: dict[str, Any]

    @classmethod
    def of(cls, endpoint: Endpoint | None) -> Observed:
        if endpoint is None:
            return cls({"endpoint_id": "", "ready": "", "config_update": "", "served": [], "pending": []})
        return cls(
            {
                "endpoint_id": endpoint.id,
                "endpoint_url": endpoint.endpoint_url,
                "endpoint_creator": endpoint.creator,
                "ready": ready_word(endpoint),
                "config_update": endpoint.config_update,
                "served": [_row(entity, endpoint) for entity in endpoint.served_entities],
                "pending": [_row(entity, endpoint) for entity in endpoint.pending_entities],
            }
        )


def _row(entity: ServedEntity, endpoint: Endpoint) -> dict[str, Any]:
    return {
        "name": entity.name,
        "entity_name": entity.entity_name,
        "entity_version": entity.entity_version,
        "state": entity.deployment,
        "message": entity.message,
        "traffic": endpoint.traffic.get(entity.name, 0),
    }


def ready_word(endpoint: Endpoint) -> str:
    return "READY" if endpoint.ready else "NOT_READY"


def body_text(result: QueryResult) -> str:
    """The body of a response as storable text; JSON is indented."""
    text = result.body if isinstance(result.body, str) else json.dumps(result.body, indent=2, ensure_ascii=False)
    return storable(text)


def record_observation(deployment: Deployment, endpoint: Endpoint | None) -> None:
    """Store ``endpoint`` as the current observation. Makes no network call."""
    values = {**Observed.of(endpoint).values, "observed_at": timezone.now(), "observe_error": ""}
    Deployment.objects.filter(pk=deployment.pk).update(**values)


def observe(deployment: Deployment) -> None:
    """Read the endpoint now. On an IntegrationError, keep the old observation and store the error."""
    try:
        endpoint = connect(deployment.workspace).get_endpoint(deployment.name)
    except IntegrationError as error:
        Deployment.objects.filter(pk=deployment.pk).update(observe_error=error.message)
        return
    record_observation(deployment, endpoint)
