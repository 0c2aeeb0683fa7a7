"""Sending a trial to its endpoint."""

from __future__ import annotations

from typing import Any

from catalog.workspaces.services import connect
from deployments.deployment.reading import body_text
from deployments.trials.models import TestRequest
from integrations.errors import IntegrationError

TEST_REQUEST_TIMEOUT_S = 60

MAX_RESPONSE_CHARS = 100_000


def send_test_request(request: TestRequest) -> None:
    """Send the trial to its endpoint and store the answer. Idempotent: only the first answer is stored."""
    try:
        result = connect(request.deployment.workspace).query(
            request.deployment.name, request.body, timeout_s=TEST_REQUEST_TIMEOUT_S
        )
        values: dict[str, Any] = {
            "status": TestRequest.Status.ANSWERED,
            "status_code": result.status_code,
            "response": body_text(result)[:MAX_RESPONSE_CHARS],
            "served_entity": result.served_entity,
            "latency_ms": result.latency_ms,
        }
    except IntegrationError as error:
        values = {"status": TestRequest.Status.FAILED, "response": error.message}
    TestRequest.objects.filter(pk=request.pk, status=TestRequest.Status.SENDING).update(**values)
