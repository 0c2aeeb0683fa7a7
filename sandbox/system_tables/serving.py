"""`system.serving.served_entities` and `system.serving.endpoint_usage`: their columns and rows.

The columns were observed in workspaces. Structs for models that are not custom models are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from sandbox.config import ACCOUNT_ID, WORKSPACE_ID
from sandbox.serving_endpoints.records import EndpointRecord, Entity, served_entity_id
from sandbox.serving_endpoints.traffic.invocations import Invocation
from sandbox.system_tables.catalog import SystemTables

SERVED_ENTITIES, ENDPOINT_USAGE = "system.serving.served_entities", "system.serving.endpoint_usage"
TIME, TEXT, LONG = pa.timestamp("us", tz="UTC"), pa.string(), pa.int64()
CUSTOM_MODEL = pa.struct([("min_concurrency", LONG), ("max_concurrency", LONG), ("compute_type", TEXT)])
ENTITIES_SCHEMA = pa.schema(
    [
        *((name, TEXT) for name in ("served_entity_id", "account_id", "workspace_id", "created_by")),
        *((name, TEXT) for name in ("endpoint_name", "endpoint_id", "served_entity_name", "entity_type")),
        *((name, TEXT) for name in ("entity_name", "entity_version")),
        ("endpoint_config_version", LONG),
        ("task", TEXT),
        ("custom_model_config", CUSTOM_MODEL),
        ("change_time", TIME),
        ("endpoint_delete_time", TIME),
    ]
)
USAGE_SCHEMA = pa.schema(
    [
        *((name, TEXT) for name in ("account_id", "workspace_id", "client_request_id", "databricks_request_id")),
        ("requester", TEXT),
        ("status_code", pa.int32()),
        ("request_time", TIME),
        *((name, LONG) for name in ("input_token_count", "output_token_count")),
        *((name, LONG) for name in ("input_character_count", "output_character_count")),
        ("request_streaming", pa.bool_()),
        ("served_entity_id", TEXT),
    ]
)
SCHEMAS = {SERVED_ENTITIES: ENTITIES_SCHEMA, ENDPOINT_USAGE: USAGE_SCHEMA}


class ServedEntities:
    """Writes a row for each entity of each served config, before rows of its requests are written."""

    def __init__(self, tables: SystemTables) -> None:
        self._tables = tables
        self._written: dict[str, int] = {}

    def note(self, records: Iterable[EndpointRecord]) -> None:
        """Writes the rows of configs that have none. Idempotent, also after a restart."""
        for record in records:
            config = record.config
            if config is None or self._written.get(record.id, 0) >= config.config_version:
                continue
            if self._tables.written(SERVED_ENTITIES, record.id) < config.config_version:
                rows = [_entity_row(record, config.config_version, entity) for entity in config.entities]
                table = pa.Table.from_pylist(rows, schema=ENTITIES_SCHEMA)
                self._tables.append(SERVED_ENTITIES, table, record.id, config.config_version)
            self._written[record.id] = config.config_version


def _entity_row(record: EndpointRecord, config_version: int, entity: Entity) -> dict[str, Any]:
    least = 0 if entity.scale_to_zero_enabled else entity.min_provisioned_concurrency or entity.concurrency
    return {
        "served_entity_id": served_entity_id(record.id, entity),
        "account_id": ACCOUNT_ID,
        "workspace_id": str(WORKSPACE_ID),
        "created_by": entity.creator,
        "endpoint_name": record.name,
        "endpoint_id": record.id,
        "served_entity_name": entity.name,
        "entity_type": "CUSTOM_MODEL",
        "entity_name": entity.entity_name,
        "entity_version": entity.entity_version,
        "endpoint_config_version": config_version,
        "custom_model_config": {
            "min_concurrency": least,
            "max_concurrency": entity.concurrency,
            "compute_type": entity.workload_type,
        },
        "change_time": datetime.fromtimestamp(record.last_updated_timestamp / 1000, UTC),
    }


def is_tracked(record: EndpointRecord) -> bool:
    return bool(((record.ai_gateway or {}).get("usage_tracking_config") or {}).get("enabled"))


def usage_row(invocation: Invocation, client_request_id: str | None) -> dict[str, Any]:
    """The row as JSON, like ``sandbox.payload_logging.rows.row``. Tokens are (characters + 1) / 4, as documented."""
    sent, answered = (len(body.decode("utf-8", "replace")) for body in (invocation.request, invocation.response))
    return {
        "account_id": ACCOUNT_ID,
        "workspace_id": str(WORKSPACE_ID),
        "client_request_id": client_request_id,
        "databricks_request_id": invocation.request_id,
        "requester": invocation.user_name,
        "status_code": invocation.status,
        "request_time": invocation.received_at_ms,
        "input_token_count": (sent + 1) // 4,
        "output_token_count": (answered + 1) // 4,
        "input_character_count": sent,
        "output_character_count": answered,
        "request_streaming": False,
        "served_entity_id": served_entity_id(invocation.endpoint.record.id, invocation.replica.entity),
    }
