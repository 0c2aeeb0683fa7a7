"""Unmanaged endpoints as their pages show them."""

from __future__ import annotations

from catalog.models import Workspace
from deployments.configuration.unmanaged import UnmanagedEndpoint


def listings() -> list[Workspace]:
    """Workspaces with an environment, and their ``endpoint_listing`` if there is one. One query."""
    rows = Workspace.objects.filter(environments__isnull=False).select_related("endpoint_listing")
    return list(rows.distinct().order_by("name"))


def facts(endpoint: UnmanagedEndpoint) -> list[tuple[str, str]]:
    """Facts about the endpoint as pairs of (label, value)."""
    served = [
        f"{entity['entity_name']} version {entity['entity_version']} "
        f"({entity['workload_size'] or 'unknown size'}, {entity['workload_type']}) with {entity['traffic']} %"
        for entity in endpoint.served
    ]
    return [
        ("Workspace", endpoint.workspace.name),
        ("Created by", endpoint.creator or "Unknown"),
        ("Serves", ", ".join(served) or "Nothing"),
        ("Tags", ", ".join(f"{key}: {value}" for key, value in endpoint.tags.items()) or "None"),
    ]
