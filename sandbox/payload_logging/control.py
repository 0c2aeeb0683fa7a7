"""``/_sandbox/inference_tables/history``: past requests, for demos. The model answers them when they are sent."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from sandbox.control.dependencies import from_this_machine
from sandbox.inference_tables import catalog, delta
from sandbox.payload_logging import rows
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor
from sandbox.serving_endpoints.traffic.invocations import Invocation, Stopwatch, forward
from sandbox.web.errors import invalid, not_found

router = APIRouter(prefix="/_sandbox/inference_tables", dependencies=[Depends(from_this_machine)])
MAX_REQUESTS = 5_000
AT_ONCE = 4
WRITER, REQUESTER = "history", "demo"


class PastRequest(BaseModel):
    """One request of the history."""

    #: The recorded arrival time, in Unix ms.
    at_ms: int = Field(gt=0)
    #: The body of the request to the model.
    body: dict[str, Any]


class History(BaseModel):
    endpoint: str
    requests: list[PastRequest] = Field(min_length=1, max_length=MAX_REQUESTS)


@router.post("/history")
async def add_history(history: History, request: Request) -> dict[str, int]:
    """Sends the requests to the model and writes their rows with the requester "demo". Returns the number of rows.

    Skips requests up to the newest of an earlier history of the endpoint, so clients must send parts in order.
    """
    endpoint: Endpoint | None = request.app.state.supervisor.get(history.endpoint)
    if endpoint is None:
        raise not_found(f"Serving endpoint {history.endpoint} does not exist")
    table = catalog.table_of(history.endpoint, endpoint.record.ai_gateway)
    location = catalog.location(request.app.state.store, table) if table else None
    if location is None:
        raise invalid(f"Endpoint {history.endpoint} has no inference table.")
    newest = max(past.at_ms for past in history.requests)
    if newest > time.time() * 1000:
        raise invalid("The history has a request in the future.")
    written = await asyncio.to_thread(delta.newest_batch, location, WRITER)
    asked = [past for past in history.requests if past.at_ms > written]
    if not asked:
        return {"rows": 0}
    found = [rows.row(one) for one in await _answered(request, endpoint, asked)]
    await asyncio.to_thread(delta.append, location, newest, found, writer=WRITER)
    return {"rows": len(found)}


async def _answered(request: Request, endpoint: Endpoint, asked: Sequence[PastRequest]) -> list[Invocation]:
    """Sends the requests to one served entity, chosen by the routes, in a separate process: metrics stay unaffected."""
    supervisor: Supervisor = request.app.state.supervisor
    replica = supervisor.choose(endpoint)
    if replica is None:
        raise invalid(f"Endpoint {endpoint.record.name} serves nothing yet.")
    slots = asyncio.Semaphore(AT_ONCE)
    async with supervisor.apart(endpoint, replica) as apart:

        async def answer(number: int, past: PastRequest) -> Invocation:
            async with slots:
                request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{endpoint.record.id} {past.at_ms} {number}"))
                body = json.dumps(past.body).encode()
                watch = Stopwatch()
                reply = await forward(apart, body, "application/json", request_id, request.app.state.serving_http)
                return Invocation(
                    endpoint=endpoint,
                    replica=replica,
                    request_id=request_id,
                    user_name=REQUESTER,
                    received_at_ms=past.at_ms,
                    duration_ms=watch.elapsed_ms(),
                    status=reply.status,
                    request=body,
                    response=reply.body,
                )

        return list(await asyncio.gather(*(answer(number, past) for number, past in enumerate(asked))))
