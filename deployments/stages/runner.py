"""One step of a run: take its lease, do one stage, store the outcome, release the lease.

``advance`` may be called any number of times, by any number of workers: without the lease it does nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
from contextlib import suppress

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from structlog.contextvars import bound_contextvars

from deployments.runs.models import IllegalTransition, Lease, LeaseLost, Run
from deployments.runs.queue import next_in_line
from deployments.runs.statuses import END_LEVELS, GOOD, WORKABLE, Level, RunKind, RunStatus
from deployments.stages.context import Context, heartbeat
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.stage import TABLE
from deployments.tfstate import store as statestore
from integrations.errors import IntegrationError

logger = logging.getLogger(__name__)

# Errors of a cut connection or of a lock that took too long, not of the data.
DATABASE_AWAY = (OperationalError, InterfaceError)

RETRIES = 6

RETRY_AFTER_S = 5.0

WORKER = f"{socket.gethostname()}:{os.getpid()}"


def advance(run_id: int) -> list[int]:
    """Do the next stage of a run. Returns the ids of runs that can go on at once (itself, or the next in line)."""
    lease = Run.claim_lease(run_id, WORKER)
    if lease is None:
        return []
    with bound_contextvars(run_id=run_id, claim=lease.claim):
        try:
            return _advance(lease)
        except (LeaseLost, IllegalTransition) as reason:
            logger.info("gave up the run: %s", reason)
            Run.release_lease(lease)
            return []
        except DATABASE_AWAY:
            _let_go(lease)
            raise


def _let_go(lease: Lease) -> None:
    """Release the lease if the database is back, so that another worker need not wait until it expires."""
    connection.close()
    with suppress(*DATABASE_AWAY):
        Run.release_lease(lease, wake_in_s=RETRY_AFTER_S)


def _advance(lease: Lease) -> list[int]:
    run = Run.objects.select_related(
        "deployment__workspace", "deployment__environment", "deployment__team", "requested_by"
    ).get(pk=lease.run_id)
    if run.status == RunStatus.QUEUED:
        return _start(run, lease)
    context = Context(run=run, lease=lease)
    with heartbeat(context):
        outcome = _outcome(context)
        context.flush()
        return _settle(context, outcome)


def _start(run: Run, lease: Lease) -> list[int]:
    """Leave the queue, unless another run of the deployment is active, which the constraint on Run decides."""
    if run.cancel_requested_at:
        run.transition(RunStatus.CANCELLED, "cancelled before it started", lease=lease)
        return next_in_line(run)
    if run.kind != RunKind.DESTROY and run.deployment.destroyed_at:
        run.transition(RunStatus.FAILED, "the deployment was destroyed while this run waited", lease=lease)
        return next_in_line(run)
    blocking = run.blocking_run()
    if blocking is None:
        try:
            run.transition(RunStatus.PREFLIGHT, "started", lease=lease)
        except IntegrityError:
            blocking = run.blocking_run()
    if run.status == RunStatus.QUEUED:
        Run.release_lease(lease, wake_in_s=5, waiting_for=f"waits for run #{blocking.pk if blocking else '?'}")
        return []
    Run.release_lease(lease)
    return [run.pk]


def _outcome(context: Context) -> Outcome:
    """Run the stage. A fault outside becomes a wait or an end, so that no run is lost."""
    status = RunStatus(context.run.status)
    stage = TABLE[status]
    if context.cancelled and not stage.stops_itself(context.run):
        return End(RunStatus.CANCELLED, f"cancelled before {status.label.lower()} was done")
    if stage.run is None:
        return Wait(RETRY_AFTER_S, "waits for a decision")
    try:
        outcome = stage.run(context)
    except IntegrationError as error:
        message = f"{error.source or status}: {error.message}"
        return End(RunStatus.FAILED, message) if error.permanent else _try_again(context, message)
    except OSError as error:
        logger.exception("stage %s", status)
        return End(RunStatus.FAILED, f"the worker's disk or network: {error.strerror or error}")
    except (LeaseLost, IllegalTransition, *DATABASE_AWAY):
        raise
    except Exception as error:
        # Our own fault counts as a fault outside, so that the run ends.
        logger.exception("stage %s", status)
        return _try_again(context, f"an error of Slipway itself: {type(error).__name__}.")
    _count_failures(context, 0)
    return outcome


def _try_again(context: Context, message: str) -> Outcome:
    """Wait for a fault to pass. After RETRIES tries in a row, end the run."""
    failures = context.run.stage_failures + 1
    if failures >= RETRIES:
        return End(RunStatus.FAILED, message)
    _count_failures(context, failures)
    context.log(f"{message} Trying again in {RETRY_AFTER_S:.0f} s.", level=Level.WARNING)
    return Wait(RETRY_AFTER_S, message)


def _count_failures(context: Context, failures: int) -> None:
    if failures != context.run.stage_failures:
        held = Run.objects.filter(pk=context.run.pk, lease_token=context.lease.token)
        held.update(stage_failures=failures)


def _settle(context: Context, outcome: Outcome) -> list[int]:
    run, lease = context.run, context.lease
    match outcome:
        case Wait(seconds, reason):
            Run.release_lease(lease, wake_in_s=seconds, waiting_for=reason)
            return []
        case GoOn(to, message):
            run.transition(to, message, lease=lease)
            Run.release_lease(lease)
            return [run.pk] if to in WORKABLE else []
        case End(status, message):
            level = END_LEVELS.get(status, Level.INFO)
            run.transition(status, message, lease=lease, level=level)
            statestore.release_at_the_end(run)
            if status in GOOD:
                # After a failure the directory is kept, for errored.tfstate and logs.
                shutil.rmtree(context.directory, ignore_errors=True)
            return next_in_line(run)
