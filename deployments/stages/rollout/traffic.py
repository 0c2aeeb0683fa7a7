"""Moving traffic and reading the routes back: forward to a step, or back to the previous version."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from deployments.deployment.reading import record_observation
from deployments.policies.approvals import deciders
from deployments.policies.models import Notice
from deployments.rollouts.entities import Movement
from deployments.rollouts.models import RolloutStep
from deployments.rollouts.verdicts import StepVerdict
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.context import Context
from deployments.stages.ending import remember_routes
from deployments.stages.outcomes import End, Outcome, Wait
from deployments.stages.watch import log_servers
from integrations.databricks.records import Endpoint
from integrations.errors import IntegrationError

LOOK_AGAIN_S = 1.0
TRY_AGAIN_S = 3.0
BACK_TRIES = 5
FAILED_UPDATES = frozenset({"UPDATE_FAILED", "UPDATE_CANCELED"})


def move(context: Context, step: RolloutStep) -> Outcome | None:
    """Move traffic to the routes of ``step``. None once it has moved. Raises IntegrationError if the update fails."""
    name = context.run.deployment.name
    endpoint = _endpoint(context)
    if endpoint.traffic == step.expected and not endpoint.is_updating:
        _arrived(context, step, endpoint)
        return None
    if endpoint.is_updating:
        return Wait(LOOK_AGAIN_S, f"traffic is moving: {_words(step.expected)}")
    if step.moved_at:
        # Routes that a person changed outside Slipway are not overwritten.
        step.note(live=endpoint.traffic, ended_at=timezone.now(), verdict=StepVerdict.SKIPPED)
        text = f"the traffic was changed outside of Slipway: {_words(endpoint.traffic)}"
        return End(RunStatus.FAILED, f"{text} instead of {_words(step.expected)}. It was not changed back.")
    if endpoint.config_update in FAILED_UPDATES and step.live:
        message = f"the update of the traffic ended as {endpoint.config_update}"
        raise IntegrationError(message, permanent=True, source="databricks", code=endpoint.config_update)
    step.note(live=endpoint.traffic)
    context.workspace.set_traffic(name, step.expected)
    return Wait(LOOK_AGAIN_S, f"traffic is moving: {_words(step.expected)}")


def _endpoint(context: Context) -> Endpoint:
    name = context.run.deployment.name
    endpoint = context.workspace.get_endpoint(name)
    if endpoint is None:
        raise IntegrationError(f"the endpoint {name} is gone", permanent=True, source="databricks", code="GONE")
    return endpoint


def _arrived(context: Context, step: RolloutStep, endpoint: Endpoint) -> None:
    if step.moved_at:
        return
    step.note(moved_at=timezone.now(), live=endpoint.traffic)
    record_observation(context.run.deployment, endpoint)
    context.log(f"routes read back: {_words(endpoint.traffic)}")


def put_back(context: Context, moving: Movement, step: RolloutStep) -> Outcome:
    """Move all traffic to the old version, read it back, and end the run. Never raises IntegrationError."""
    try:
        endpoint = _endpoint(context)
        if endpoint.traffic == moving.at(0) and not endpoint.is_updating:
            return _is_back(context, moving, step, endpoint)
        _refuse_to_go_on_for_ever(step)
        if not endpoint.is_updating:
            context.log(f"putting all traffic back on {moving.old}: {step.message}", level=Level.WARNING)
            context.workspace.set_traffic(context.run.deployment.name, moving.at(0))
            step.note(back_tries=step.back_tries + 1, live=endpoint.traffic)
    except IntegrationError as error:
        step.note(back_tries=step.back_tries + 1)
        if error.permanent or step.back_tries >= BACK_TRIES:
            return _failed_to_go_back(context, moving, step, error.message)
        return Wait(TRY_AGAIN_S, f"traffic has to go back to {moving.old}: {error.message}")
    return Wait(LOOK_AGAIN_S, f"traffic goes back to {moving.old}: {step.message}")


def _refuse_to_go_on_for_ever(step: RolloutStep) -> None:
    waited_s = (timezone.now() - step.back_since).total_seconds() if step.back_since else 0.0
    if step.back_tries > BACK_TRIES or waited_s > settings.ENDPOINT_TIMEOUT_S:
        message = f"after {step.back_tries} tries in {waited_s:.0f} s the workspace still routes as before"
        raise IntegrationError(message, permanent=True, source="databricks", code="NOT_BACK")


def _is_back(context: Context, moving: Movement, step: RolloutStep, endpoint: Endpoint) -> End:
    took_s = (timezone.now() - step.back_since).total_seconds() if step.back_since else 0.0
    step.note(live=endpoint.traffic)
    record_observation(context.run.deployment, endpoint)
    remember_routes(context, moving.at(0))
    log_servers(context, moving.at(0))
    text = f"{step.message}. All traffic is back on {moving.old}, {took_s:.1f} s after the decision"
    return End(RunStatus(step.back_to), text)


def _failed_to_go_back(context: Context, moving: Movement, step: RolloutStep, reason: str) -> End:
    run = context.run
    text = (
        f"{step.message}. Traffic could not be put back on {moving.old}: {reason}. "
        f"Set the routes of {run.deployment.name} in the workspace yourself, {_words(moving.at(0))}, "
        f"then deploy the version that should be live."
    )
    people = {person.pk: person for person in [run.requested_by, *deciders(run.deployment.team)]}
    Notice.objects.bulk_create(Notice(user=person, run=run, message=text) for person in people.values())
    return End(RunStatus.ROLLBACK_FAILED, text)


def _words(routes: dict[str, int]) -> str:
    return ", ".join(f"{name} {percent} %" for name, percent in routes.items())
