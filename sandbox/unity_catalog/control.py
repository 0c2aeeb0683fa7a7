"""``/_sandbox/tables``: writes tables as a team's pipeline would, for demos."""

from __future__ import annotations

import uuid
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from sandbox.control.dependencies import from_this_machine
from sandbox.identity.principals import ADMINS
from sandbox.store import Store
from sandbox.unity_catalog.securables import names, objects
from sandbox.unity_catalog.securables.adoption import adopt_schema
from sandbox.unity_catalog.securables.objects import TABLE

router = APIRouter(prefix="/_sandbox/tables", dependencies=[Depends(from_this_machine)])
MAX_ROWS = 100_000


class NewTable(BaseModel):
    """A table to write."""

    full_name: str
    rows: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_ROWS)
    #: Columns with Unix ms, which become timestamps.
    times: list[str] = []


@router.post("")
def put_table(new: NewTable, request: Request) -> dict[str, int]:
    """Creates or replaces the table. Creates a missing catalog and schema. Returns the number of rows."""
    store: Store = request.app.state.store
    full_name = names.full_name(new.full_name, 3, "table")
    location = request.app.state.settings.state_dir.joinpath("tables", *full_name.split("."), uuid.uuid4().hex)
    location.mkdir(parents=True)
    write_deltalake(str(location), _content(new))
    with store.connection() as connection:
        adopt_schema(connection, full_name, ADMINS)
        if known := objects.find(connection, TABLE, full_name):
            objects.delete(connection, known)
        attributes = {"storage_location": location.as_uri()}
        objects.insert(connection, TABLE, full_name, ADMINS, attributes=attributes)
    return {"rows": len(new.rows)}


def _content(new: NewTable) -> pa.Table:
    content = pa.Table.from_pylist(new.rows)
    for name in new.times:
        moments = content.column(name).cast(pa.int64()).cast(pa.timestamp("ms", tz="UTC"))
        content = content.set_column(
            content.schema.get_field_index(name), name, moments.cast(pa.timestamp("us", "UTC"))
        )
    return content
