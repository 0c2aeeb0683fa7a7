"""The tables of the workspace: every module that keeps something lists its SCHEMA here."""

from __future__ import annotations

from sandbox import identity, request_log

SCHEMAS = (identity.SCHEMA, request_log.SCHEMA)
