"""The Celery task that sends trials."""

from __future__ import annotations

from celery import shared_task

from deployments.trials.models import TestRequest
from deployments.trials.reading import send_test_request


@shared_task(name="deployments.tasks.run_test_request")
def run_test_request(request_id: int) -> None:
    request = TestRequest.objects.select_related("deployment__workspace").filter(pk=request_id).first()
    if request and request.status == TestRequest.Status.SENDING:
        send_test_request(request)
