"""Adopt runs: they plan for the endpoint as it is, and their plan must not change anything."""

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
    """The module's variables for the existing endpoint: tags, tables and names are live, the rest is from the spec.

    The plan shows whether the spec describes the live endpoint. After planning, the planned variables are returned.
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
    """Fail the run if the plan changes anything. None if it only imports the endpoint."""
    if not plan.changes_something:
        return None
    for change in plan.changes:
        for attribute in change.attributes:
            context.log(f"{change.address}: {attribute.path} differs", level=Level.ERROR)
    told = "; ".join(plan.sentences())
    return End(
        RunStatus.FAILED,
        f"the endpoint does not match its spec, so it was not adopted and nothing was changed: {told}",
    )


MANAGED_TAG = "slipway_deployment"
