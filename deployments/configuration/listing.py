"""Listing the unmanaged endpoints of a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from catalog.models import Workspace
from catalog.workspaces.services import connect
from deployments.configuration.reading import variables_of
from deployments.configuration.unmanaged import EndpointListing, UnmanagedEndpoint, managing
from deployments.deployment.reading import ready_word
from integrations import databricks
from integrations.databricks.records import Endpoint
from integrations.errors import IntegrationError
from web.crypto import decrypt, encrypt
from web.formats import storable

# Prefix of Databricks' own endpoints: pay-per-token foundation models.
RESERVED_PREFIX = "databricks-"


def list_unmanaged(workspace: Workspace) -> None:
    """List the endpoints now. On an IntegrationError, keep the old rows and store the error."""
    try:
        found = list(_unmanaged(workspace, connect(workspace)))
    except IntegrationError as error:
        EndpointListing.objects.update_or_create(workspace=workspace, defaults={"error": storable(error.message)})
        return
    with transaction.atomic():
        for endpoint in found:
            UnmanagedEndpoint.objects.update_or_create(
                workspace=workspace, name=endpoint.name, defaults=_values(endpoint)
            )
        names = [endpoint.name for endpoint in found]
        UnmanagedEndpoint.objects.filter(workspace=workspace).exclude(name__in=names).delete()
        EndpointListing.objects.update_or_create(
            workspace=workspace, defaults={"listed_at": timezone.now(), "error": ""}
        )


def live_variables(endpoint: UnmanagedEndpoint) -> dict[str, Any]:
    """The endpoint as it was listed, as variables of terraform/modules/model_endpoint."""
    return dict(orjson.loads(decrypt(endpoint.live)))


def _unmanaged(workspace: Workspace, connection: databricks.WorkspaceClient) -> Iterator[Endpoint]:
    """Unmanaged endpoints in full. One call for each, because the list has no workload sizes."""
    ours = set(managing().filter(workspace=workspace).values_list("name", flat=True))
    for row in connection.list_endpoints():
        if not row.id or row.name in ours or row.name.startswith(RESERVED_PREFIX):
            continue
        endpoint = connection.get_endpoint(row.name)
        if endpoint is not None:
            yield endpoint


def _values(endpoint: Endpoint) -> dict[str, Any]:
    variables = variables_of(endpoint)
    percents = {route["served_entity_name"]: route["traffic_percentage"] for route in variables["routes"]}
    served = [_served(entity, percents.get(entity["name"], 0)) for entity in variables["served_entities"]]
    main = max(served, key=lambda entity: entity["traffic"], default=None)
    return {
        "endpoint_id": endpoint.id,
        "creator": storable(endpoint.creator),
        "ready": ready_word(endpoint),
        "config_update": endpoint.config_update,
        "model_name": main["entity_name"].lower() if main else "",
        "served": served,
        "tags": {storable(key): storable(value) for key, value in endpoint.tags.items()},
        "made_at": endpoint.created_at,
        "changed_at": endpoint.updated_at,
        "live": encrypt(orjson.dumps(variables)),
    }


def _served(entity: Mapping[str, Any], percent: int) -> dict[str, Any]:
    """A served entity for display, without its environment variables."""
    return {
        "entity_name": storable(entity["entity_name"]),
        "entity_version": storable(entity["entity_version"]),
        "workload_type": storable(entity["workload_type"]),
        "workload_size": storable(entity["workload_size"]),
        "scale_to_zero": entity["scale_to_zero_enabled"],
        "traffic": percent,
    }
