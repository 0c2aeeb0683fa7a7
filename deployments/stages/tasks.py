"""Celery tasks of the runner. Each may run twice, concurrently, and on any worker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.signals import worker_shutting_down
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from deployments.configuration.tasks import check_config
from deployments.deployment.tasks import observe_endpoint
from deployments.policies.models import PolicyResult
from deployments.runs.models import IllegalTransition, Run
from deployments.runs.queue import advance_soon, next_in_line
from deployments.runs.statuses import TERMINAL, Level, RunStatus
from deployments.stages import runner
from deployments.stages.context import STOPPING


@worker_shutting_down.connect
def stop_long_stages(**_: Any) -> None:
    """A worker that is told to stop interrupts its Terraform, so that state is saved and the lock is free."""
    STOPPING.set()


@shared_task(name="deployments.tasks.advance_run")
def advance_run(run_id: int) -> None:
    """Do one stage of a run, and send it or its successor on."""
    if STOPPING.is_set():
        return
    for next_id in runner.advance(run_id):
        advance_soon(next_id)
    finished = Run.objects.filter(pk=run_id, status__in=TERMINAL).values_list("deployment_id", flat=True)
    for deployment_id in finished:
        observe_endpoint.delay(deployment_id)
        check_config.delay(deployment_id)


@shared_task(name="deployments.tasks.wake_runs", expires=10)
def wake_runs() -> None:
    """Send on every run that is due: its waiting time is over, its message was lost, or its worker died."""
    for run_id in Run.objects.due().order_by("pk").values_list("pk", flat=True)[:500]:
        advance_soon(run_id)


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
        run.transition(RunStatus.EXPIRED, f"no decision within {hours:.0f} h", level=Level.WARNING)
    except IllegalTransition:
        return
    for next_id in next_in_line(run):
        advance_soon(next_id)
