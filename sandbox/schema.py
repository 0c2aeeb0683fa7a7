"""The tables of the store: each module with tables lists its SCHEMA here."""

from __future__ import annotations

from sandbox.billing import rows as billing_rows
from sandbox.control import request_log
from sandbox.identity import principals
from sandbox.jobs import records as job_records
from sandbox.permissions import acls
from sandbox.secrets import vault
from sandbox.serving_endpoints import records as endpoint_records
from sandbox.unity_catalog import entity_tags
from sandbox.unity_catalog.models import records as model_records
from sandbox.unity_catalog.securables import objects
from sandbox.workspace_files import tree

SCHEMAS = (
    principals.SCHEMA,
    request_log.SCHEMA,
    acls.SCHEMA,
    vault.SCHEMA,
    objects.SCHEMA,
    entity_tags.SCHEMA,
    model_records.SCHEMA,
    tree.SCHEMA,
    endpoint_records.SCHEMA,
    job_records.SCHEMA,
    billing_rows.SCHEMA,
)
