"""One step of a run: claim it, do one stage, write down how it ended, let go.

Safe to call any number of times, from any number of workers: whoever does not get the lease does nothing.
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
from deployments.stages.stage import STAGE_FUNCTIONS
from deployments.tfstate import store as statestore
from integrations.errors import IntegrationError

logger = logging.getLogger(__name__)

# What comes of a connection that was cut or of a lock that took too long, and not of what was written.
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
    """Another worker need not wait for the lease to run out, if the database is there again already."""
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
    """Leave the queue, unless another run of the deployment is active: the constraint on Run decides."""
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
    """Run the stage; an outside fault becomes a wait or an end, and never a lost run."""
    status = RunStatus(context.run.status)
    if context.cancelled and not _stops_itself(context.run, status):
        return End(RunStatus.CANCELLED, f"cancelled before {status.label.lower()} was done")
    try:
        outcome = STAGE_FUNCTIONS[status](context)
    except IntegrationError as error:
        message = f"{error.source or status}: {error.message}"
        return End(RunStatus.FAILED, message) if error.permanent else _try_again(context, message)
    except OSError as error:
        logger.exception("stage %s", status)
        return End(RunStatus.FAILED, f"the worker's disk or network: {error.strerror or error}")
    except (LeaseLost, IllegalTransition, *DATABASE_AWAY):
        raise
    except Exception as error:
        # A fault of ours must not leave a run that nobody ends: it counts like a fault outside.
        logger.exception("stage %s", status)
        return _try_again(context, f"an error of Slipway itself: {type(error).__name__}.")
    _count_failures(context, 0)
    return outcome


def _stops_itself(run: Run, status: RunStatus) -> bool:
    """Terraform or a job has to be stopped, traffic to be put back: the stage sees it and ends the run."""
    return status in (RunStatus.PREFLIGHT, RunStatus.ROLLOUT) or (
        status == RunStatus.APPLY and run.apply_started_at is not None
    )


def _try_again(context: Context, message: str) -> Outcome:
    """Wait for a fault to pass, or end the run when it has not after RETRIES tries in a row."""
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
