"""What a run that takes over an endpoint does differently: it mirrors what is there and must have nothing to do."""

from __future__ import annotations

from typing import Any

from deployments.configuration.reading import variables_of
from deployments.rollouts.entities import entity_of
from deployments.runs.records import RunPlan
from deployments.runs.statuses import Level, RunKind, RunStatus
from deployments.stages.context import Context
from deployments.stages.outcomes import End
from integrations.errors import IntegrationError
from integrations.plan import Plan


def adopts(context: Context) -> bool:
    return context.run.kind == RunKind.ADOPT


def mirrored_variables(context: Context) -> dict[str, Any]:
    """The module's variables for an endpoint as it is: tags, tables and names from it, the rest from the spec.

    The plan then shows whether the spec says what is live. After planning they stay what they were.
    """
    plan: RunPlan | None = getattr(context.run, "plan", None)
    if context.run.status != RunStatus.PLAN and plan is not None:
        return dict(plan.variables)
    endpoint = context.workspace.get_endpoint(context.run.deployment.name)
    if endpoint is None:
        raise IntegrationError("the endpoint is gone from the workspace", permanent=True, source="plan")
    live = variables_of(endpoint)
    entity = entity_of(context.spec)
    if live["served_entities"]:
        entity["name"] = live["served_entities"][0]["name"]
    routes = [{"served_entity_name": entity["name"], "traffic_percentage": 100}]
    return {**live, "served_entities": [entity], "routes": routes}


def refuse_changes(context: Context, plan: Plan) -> End | None:
    """End the run unless the plan does nothing but take over what is there."""
    if not plan.changes_something:
        return None
    for change in plan.changes:
        for attribute in change.attributes:
            context.log(f"{change.address}: {attribute.path} differs", level=Level.ERROR)
    told = "; ".join(plan.sentences())
    return End(
        RunStatus.FAILED,
        f"the endpoint is not what its spec would make, so it was not adopted and nothing was changed: {told}",
    )


MANAGED_TAG = "slipway_deployment"
