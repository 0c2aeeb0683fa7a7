"""``/_sandbox/billing/history``: usage of past hours, for demos. Its rows have the tag ``demo``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from sandbox.billing.rows import HOUR_S, EndpointHour, dbu_per_hour
from sandbox.control.dependencies import from_this_machine
from sandbox.web.errors import not_found

router = APIRouter(prefix="/_sandbox/billing", dependencies=[Depends(from_this_machine)])
MAX_HOURS = 366 * 24


class History(BaseModel):
    """Usage of an endpoint in the hours before its creation, oldest first."""

    endpoint: str
    #: The share of each hour in which processes were up.
    up: list[float] = Field(min_length=1, max_length=MAX_HOURS)
    #: The number of starts after scaling to zero in each hour.
    launches: list[int] = Field(default_factory=list)


@router.post("/history")
def add_history(history: History, request: Request) -> dict[str, Any]:
    """Charges the hours before the endpoint's creation, once. Returns how many. Later hours are metered."""
    endpoint = request.app.state.supervisor.get(history.endpoint)
    if endpoint is None:
        raise not_found(f"Serving endpoint {history.endpoint} does not exist")
    record = endpoint.record
    dbu = sum(dbu_per_hour(one.entity.workload_type, one.entity.concurrency) for one in endpoint.active.values())
    tags = {tag["key"]: tag.get("value", "") for tag in record.tags or []} | {"demo": "true"}
    first = record.creation_timestamp // 1000 // HOUR_S - len(history.up)
    launches = [*history.launches, *[0] * len(history.up)]
    hours = [
        EndpointHour(record.id, record.name, first + n, share * dbu * HOUR_S, launches[n], tags)
        for n, share in enumerate(history.up)
    ]
    return {"hours": request.app.state.billing_tables.charge(hours, source=" history")}
