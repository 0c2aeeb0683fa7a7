"""Workers whose clocks are an hour off: leases and waits go by the clock of the database alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from django.conf import settings
from django.db import connections
from django.utils import timezone

from deployments.models import Run, StateLock
from deployments.runs.statuses import RunStatus
from deployments.stages import runner
from tests.deployments.conftest import deployment, make_run, run_in, sent, spec
from tests.deployments.stages.whole_runs import (
    advance_to,
    advance_to_the_end,
    creations,
    deploy,
    log_of,
    working_on,
    workspace_api,
)
from tests.terraform.fake_workspace import FakeWorkspace
from tests.terraform.rig import installed
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("terraform")]

__all__ = ["deploy", "deployment", "installed", "run_in", "sent", "spec", "workspace_api"]
T = TypeVar("T")
HOUR = timedelta(hours=1)
OFF = pytest.mark.parametrize("off", [HOUR, -HOUR], ids=["ahead", "behind"])


class Clocks:
    """Each thread has a clock of its own; those of new ones are right."""

    def __init__(self) -> None:
        self._real = timezone.now
        self._of_thread = threading.local()

    def now(self) -> datetime:
        off: timedelta = getattr(self._of_thread, "off", timedelta(0))
        return self._real() + off

    @contextmanager
    def moved(self, off: timedelta) -> Iterator[None]:
        self._of_thread.off = off
        try:
            yield
        finally:
            self._of_thread.off = timedelta(0)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta, Callable[[], T]], T]:
    """``elsewhere(off, work)``: what ``work`` returns on a worker whose clock is off by so much."""
    clocks = Clocks()
    monkeypatch.setattr(timezone, "now", clocks.now)

    def call(off: timedelta, work: Callable[[], T]) -> T:
        try:
            with clocks.moved(off):
                return work()
        finally:
            connections.close_all()

    def ask(off: timedelta, work: Callable[[], T]) -> T:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(call, off, work).result()

    return ask


Elsewhere = Callable[[timedelta, Callable[[], object]], object]


def held_for(run: Run) -> timedelta:
    run.refresh_from_db()
    assert run.lease_expires_at
    return run.lease_expires_at - timezone.now()


@OFF
def test_a_worker_with_a_moved_clock_takes_no_run_from_one_that_lives(
    run_in: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    run = run_in(RunStatus.PLAN)
    lease = Run.claim_lease(run.pk, "right")
    assert lease
    assert elsewhere(off, lambda: Run.claim_lease(run.pk, "moved")) is None
    assert elsewhere(off, lambda: list(Run.objects.due())) == []


@OFF
def test_a_run_of_a_worker_with_a_moved_clock_is_held_and_freed_in_time(
    run_in: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    run = run_in(RunStatus.PLAN)
    lease = elsewhere(off, lambda: Run.claim_lease(run.pk, "moved"))
    assert lease
    assert Run.claim_lease(run.pk, "right") is None, "it lives"
    assert timedelta(0) < held_for(run) <= timedelta(seconds=settings.LEASE_S + 1)
    assert elsewhere(off, lambda: Run.renew_lease(lease))  # type: ignore[arg-type]  # asserted above
    assert timedelta(0) < held_for(run) <= timedelta(seconds=settings.LEASE_S + 1)


@OFF
def test_a_wait_of_a_worker_with_a_moved_clock_takes_as_long_as_it_says(
    run_in: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    run = run_in(RunStatus.ENDPOINT)

    def wait_a_moment() -> None:
        lease = Run.claim_lease(run.pk, "moved")
        assert lease
        Run.release_lease(lease, wake_in_s=2, waiting_for="the endpoint")

    elsewhere(off, wait_a_moment)
    assert not Run.objects.due().exists()
    wait_until(lambda: Run.objects.due().exists(), 5)


@OFF
def test_a_run_of_a_worker_with_a_moved_clock_goes_from_the_queue_to_its_end(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    run = deploy()
    elsewhere(off, lambda: advance_to_the_end(run))
    run.refresh_from_db()
    assert run.status == RunStatus.SUCCEEDED, log_of(run)
    assert creations(workspace_api) == 1
    assert not StateLock.objects.exists()


@OFF
def test_while_one_worker_applies_another_with_a_moved_clock_applies_nothing(
    workspace_api: FakeWorkspace, deploy: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    workspace_api.polls_until_ready = 10_000
    run = advance_to(deploy(), RunStatus.APPLY)
    with working_on(run):
        wait_until(lambda: "card-fraud" in workspace_api.endpoints, 20)
        tried = [elsewhere(off, lambda: runner.advance(run.pk)) for _ in range(5)]
        workspace_api.polls_until_ready = 0
    assert tried == [[]] * 5
    assert advance_to_the_end(run).status == RunStatus.SUCCEEDED, log_of(run)
    assert "takes over" not in log_of(run)
    assert creations(workspace_api) == 1
    assert not StateLock.objects.exists()
    print(f"clock off by {off}: creates {creations(workspace_api)}, claims {run.claim}, locks 0")


@OFF
def test_the_next_in_the_queue_starts_whatever_the_clock_says(
    run_in: Callable[..., Run], elsewhere: Elsewhere, off: timedelta
) -> None:
    active = run_in(RunStatus.APPROVAL)
    queued = make_run(active.deployment)
    elsewhere(off, lambda: runner.advance(queued.pk))
    assert not Run.objects.due().exists(), "it waits for the active one"
    Run.objects.filter(pk=active.pk).update(status=RunStatus.CANCELLED)
    wait_until(lambda: Run.objects.due().filter(pk=queued.pk).exists(), 10)
