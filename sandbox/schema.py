"""The tables of the workspace: every module that keeps something lists its SCHEMA here."""

from __future__ import annotations

from sandbox import identity, models, permissions, request_log, secrets, workspace_files
from sandbox.billing import rows as billing
from sandbox.jobs import records as job_records
from sandbox.serving_endpoints import records
from sandbox.unity_catalog import entity_tags, objects

SCHEMAS = (
    identity.SCHEMA,
    request_log.SCHEMA,
    permissions.SCHEMA,
    secrets.SCHEMA,
    objects.SCHEMA,
    entity_tags.SCHEMA,
    models.SCHEMA,
    workspace_files.SCHEMA,
    records.SCHEMA,
    job_records.SCHEMA,
    billing.SCHEMA,
)
