"""The tables of the workspace: every module that keeps something lists its SCHEMA here."""

from __future__ import annotations

from sandbox.billing import rows as billing
from sandbox.control import request_log
from sandbox.identity import principals
from sandbox.jobs import records as job_records
from sandbox.permissions import acls
from sandbox.secrets import vault as secrets
from sandbox.serving_endpoints import records
from sandbox.unity_catalog import entity_tags
from sandbox.unity_catalog.models import records as models_records
from sandbox.unity_catalog.securables import objects
from sandbox.workspace_files import tree as workspace_files

SCHEMAS = (
    principals.SCHEMA,
    request_log.SCHEMA,
    acls.SCHEMA,
    secrets.SCHEMA,
    objects.SCHEMA,
    entity_tags.SCHEMA,
    models_records.SCHEMA,
    workspace_files.SCHEMA,
    records.SCHEMA,
    job_records.SCHEMA,
    billing.SCHEMA,
)
