"""Pages as a person gets them: their text, what they cost in queries."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from deployments.models import Run
from deployments.runs.models import Line

HTMX = {"HX-Request": "true"}


def run_url(name: str, run: Run) -> str:
    return reverse(f"deployments:{name}", args=[run.pk])


def page_of(client: Client, address: str, status: int = 200, **extra: Any) -> str:
    answer = client.get(address, **extra)
    assert answer.status_code == status
    return answer.content.decode()


def queries(client: Client, address: str, **extra: Any) -> int:
    """How many queries the page costs."""
    with CaptureQueriesContext(connection) as captured:
        page_of(client, address, **extra)
    return len(captured)


def write(run: Run, count: int, **line: Any) -> None:
    """Log ``count`` lines of ``run``: "line 1" and so on."""
    run.log([Line(**{"stage": "plan", "message": f"line {number}", **line}) for number in range(1, count + 1)])
    run.refresh_from_db()
