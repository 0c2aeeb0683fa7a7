"""Calls a serving endpoint like an application: ``python -m sandbox.examples.traffic ENDPOINT REQUESTS``.

Sends one to three rows of credit_data in each request. Reads MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN. Waits up to
two minutes for an endpoint that is starting.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from sandbox.examples.dataset import as_request, load

READY_TIMEOUT_S = 120
REQUEST_TIMEOUT_S = 60
NAP_S = 0.5
IN_PARALLEL = 4


def main() -> int:
    endpoint, requests = sys.argv[1], int(sys.argv[2])
    headers = {"Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    with httpx.Client(base_url=os.environ["MLFLOW_TRACKING_URI"], headers=headers, timeout=REQUEST_TIMEOUT_S) as client:
        if not _is_ready(client, endpoint):
            print(f"{endpoint} is not ready after {READY_TIMEOUT_S} s", flush=True)
            return 1
        with ThreadPoolExecutor(max_workers=IN_PARALLEL) as pool:
            url = f"/serving-endpoints/{endpoint}/invocations"
            answers = list(pool.map(lambda body: client.post(url, json=body), request_bodies(requests)))
    failed = sum(1 for answer in answers if answer.status_code != httpx.codes.OK)
    print(f"{endpoint}: {len(answers)} requests, {failed} failed", flush=True)
    return 1 if failed else 0


def _is_ready(client: httpx.Client, endpoint: str) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = client.get(f"/api/2.0/serving-endpoints/{endpoint}")
        if answer.is_success and answer.json()["state"]["ready"] == "READY":
            return True
        time.sleep(NAP_S)
    return False


def request_bodies(count: int) -> Iterator[dict[str, Any]]:
    """Pseudo-random rows. Deterministic."""
    frame = load("modeldata", "credit_data").drop(columns="Status")
    # Nine rows lack text.
    frame = frame.dropna(subset=list(frame.select_dtypes(exclude="number").columns))
    chance = random.Random(7)  # noqa: S311 - which rows, not a secret
    for _ in range(count):
        yield as_request(frame.sample(n=chance.randint(1, 3), random_state=chance.randrange(10_000)))


if __name__ == "__main__":
    sys.exit(main())
