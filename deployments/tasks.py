"""Celery's doors to the runner. Each may run twice, at the same time, and on any worker."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from catalog.models import Workspace
from deployments import runner
from deployments.configdrift import checking, listing
from deployments.models import Deployment, IllegalTransition, PolicyResult, Run, TestRequest
from deployments.stages.context import STOPPING
from deployments.states import TERMINAL, Level, RunStatus
from deployments.sync import observe, send_test_request


@shared_task(name="deployments.tasks.advance_run")
def advance_run(run_id: int) -> None:
    """Do one stage of a run, and send it or its successor on."""
    if STOPPING.is_set():
        return
    for next_id in runner.advance(run_id):
        advance_run.delay(next_id)
    finished = Run.objects.filter(pk=run_id, status__in=TERMINAL).values_list("deployment_id", flat=True)
    for deployment_id in finished:
        observe_endpoint.delay(deployment_id)
        check_config.delay(deployment_id)


@shared_task(name="deployments.tasks.wake_runs", expires=10)
def wake_runs() -> None:
    """Send on every run that is due: its waiting time is over, its message was lost, or its worker died."""
    for run_id in Run.objects.due().order_by("pk").values_list("pk", flat=True)[:500]:
        advance_run.delay(run_id)


@shared_task(name="deployments.tasks.expire_approvals", expires=60)
def expire_approvals() -> None:
    """End runs that waited longer for an approval, or for an override, than their environment allows."""
    held = PolicyResult.objects.blocking().filter(run=OuterRef("pk"), plan_sha256=OuterRef("plan__sha256"))
    waiting = Run.objects.filter(Q(status=RunStatus.APPROVAL) | Q(Exists(held), status=RunStatus.POLICY))
    for run in waiting.select_related("deployment__environment"):
        allowed = timedelta(hours=run.deployment.environment.approval_expires_after_hours)
        if run.stage_started_at and timezone.now() - run.stage_started_at > allowed:
            _expire(run, allowed)


def _expire(run: Run, allowed: timedelta) -> None:
    try:
        hours = allowed.total_seconds() / 3600
        run.transition(RunStatus.EXPIRED, f"nobody decided within {hours:.0f} h", level=Level.WARNING)
    except IllegalTransition:
        return
    for next_id in runner.next_in_line(run):
        advance_run.delay(next_id)


@shared_task(name="deployments.tasks.observe_endpoints", expires=30)
def observe_endpoints() -> None:
    """Fan out: one task for each live deployment."""
    for deployment_id in Deployment.objects.live().values_list("pk", flat=True):
        observe_endpoint.apply_async((deployment_id,), expires=30)


@shared_task(name="deployments.tasks.observe_endpoint")
def observe_endpoint(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        observe(deployment)


@shared_task(name="deployments.tasks.check_configs", expires=60)
def check_configs() -> None:
    """Fan out: one comparison for each live deployment, spread over a tenth of the time until the next round."""
    window_s = max(1, settings.CONFIG_DRIFT_EVERY_S // 10)
    rows = Deployment.objects.live().exclude(intended={}).order_by("pk").values_list("pk", flat=True)
    for deployment_id in rows:
        # Steps of a prime spread neighbours, and each deployment keeps its place in every round.
        wait_s = deployment_id * 7919 % window_s
        check_config.apply_async((deployment_id,), countdown=wait_s, expires=wait_s + settings.CONFIG_DRIFT_EVERY_S)


@shared_task(name="deployments.tasks.check_config")
def check_config(deployment_id: int) -> None:
    deployment = Deployment.objects.live().select_related("workspace").filter(pk=deployment_id).first()
    if deployment:
        checking.check(deployment)


@shared_task(name="deployments.tasks.list_all_endpoints", expires=60)
def list_all_endpoints() -> None:
    """Fan out: one listing for each workspace that has an environment."""
    for workspace_id in Workspace.objects.filter(environments__isnull=False).distinct().values_list("pk", flat=True):
        list_endpoints.delay(workspace_id)


@shared_task(name="deployments.tasks.list_endpoints")
def list_endpoints(workspace_id: int) -> None:
    workspace = Workspace.objects.filter(pk=workspace_id).first()
    if workspace:
        listing.list_unmanaged(workspace)


@shared_task(name="deployments.tasks.run_test_request")
def run_test_request(request_id: int) -> None:
    request = TestRequest.objects.select_related("deployment__workspace").filter(pk=request_id).first()
    if request and request.status == TestRequest.Status.SENDING:
        send_test_request(request)
