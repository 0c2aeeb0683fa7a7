"""Ending a run successfully: the applied configuration becomes the deployment's intended one."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.configuration.models import ConfigCheck
from deployments.deployment.models import Deployment
from deployments.deployment.reading import record_observation
from deployments.runs.statuses import RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import End


def remember_intended(context: Context, routes: Mapping[str, int] | None = None) -> None:
    """Store the plan's variables and spec as intended. ``routes`` is the traffic in percent, if it has moved since."""
    remember_routes(context, routes)
    Deployment.objects.filter(pk=context.run.deployment_id).update(intended_spec=context.run.spec)


def remember_routes(context: Context, routes: Mapping[str, int] | None = None) -> None:
    """Store the plan's variables as intended, with ``routes`` in percent, but keep the intended spec.

    For a run after which the previous version still serves, and the new version stays without traffic.
    """
    intended = dict(context.run.plan.variables)
    if routes is not None:
        intended["routes"] = [
            {"served_entity_name": name, "traffic_percentage": percent} for name, percent in routes.items()
        ]
    Deployment.objects.filter(pk=context.run.deployment_id).update(intended=intended)
    ConfigCheck.forget(context.run.deployment_id, f"Not checked since run #{context.run.pk}.")


def succeed(context: Context, message: str, routes: Mapping[str, int] | None = None) -> End:
    """End the run as Succeeded after a new observation of the endpoint."""
    deployment = context.run.deployment
    record_observation(deployment, context.workspace.get_endpoint(deployment.name))
    remember_intended(context, routes)
    return End(RunStatus.SUCCEEDED, message)
