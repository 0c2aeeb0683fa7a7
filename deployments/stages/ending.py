"""How a run ends well: what was wished for is now what the endpoint should stay like."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.configuration.models import ConfigCheck
from deployments.deployment.models import Deployment
from deployments.deployment.reading import record_observation
from deployments.runs.statuses import RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import End


def remember_intended(context: Context, routes: Mapping[str, int] | None = None) -> None:
    """Keep the plan's variables as the deployment's intention. ``routes``: percents of traffic, if they moved since."""
    remember_routes(context, routes)
    Deployment.objects.filter(pk=context.run.deployment_id).update(intended_spec=context.run.spec)


def remember_routes(context: Context, routes: Mapping[str, int] | None = None) -> None:
    """Keep what the plan made of the endpoint, and with ``routes`` where its traffic is; what was asked for stays.

    For a run that leaves the version before in charge: the new one stays beside it, without traffic.
    """
    intended = dict(context.run.plan.variables)
    if routes is not None:
        intended["routes"] = [
            {"served_entity_name": name, "traffic_percentage": percent} for name, percent in routes.items()
        ]
    Deployment.objects.filter(pk=context.run.deployment_id).update(intended=intended)
    ConfigCheck.forget(context.run.deployment_id, f"Not checked since run #{context.run.pk}.")


def succeed(context: Context, message: str, routes: Mapping[str, int] | None = None) -> End:
    """End the run as Succeeded, with the endpoint freshly observed."""
    deployment = context.run.deployment
    record_observation(deployment, context.workspace.get_endpoint(deployment.name))
    remember_intended(context, routes)
    return End(RunStatus.SUCCEEDED, message)
