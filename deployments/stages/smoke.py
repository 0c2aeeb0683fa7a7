"""Smoke test: sends the model's input example to the endpoint and checks the prediction."""

from __future__ import annotations

from typing import Any

from catalog.models import ModelVersion
from deployments.deployment.reading import body_text
from deployments.rollouts.entities import Movement, movement, served_entity_name
from deployments.rollouts.models import Rehearsal
from deployments.runs.records import StageRecord
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.context import Context
from deployments.stages.ending import remember_routes, succeed
from deployments.stages.outcomes import End, GoOn, Outcome, Wait
from deployments.stages.watch import log_servers
from integrations.databricks.records import QueryResult

TIMEOUT_S = 120
TRIES = 5
TRY_AGAIN = frozenset({429, 502, 503, 504})


def run_stage(context: Context) -> Outcome:
    moving = movement(context.spec, context.run.plan.variables)
    example = input_example(context)
    if example is None:
        context.log("the model has no input example: no request was sent", level=Level.WARNING)
        return _passed(context, moving, "live, without a smoke test: the model has no input example")
    result = _ask(context, moving, example)
    _remember(context, example, result)
    if result.status_code in TRY_AGAIN and context.run.stage_tries < TRIES:
        return Wait(2, f"the endpoint answered {result.status_code}; trying again")
    if result.status_code != 200:
        return _failed(context, moving, f"the smoke test got {result.status_code}: {body_text(result)[:500]}")
    if not isinstance(result.body, dict) or "predictions" not in result.body:
        return _failed(context, moving, f"the smoke test's answer has no predictions: {body_text(result)[:500]}")
    Rehearsal.note_answer(context.run)
    return _passed(context, moving, f"live: {result.served_entity} answered in {result.latency_ms:.0f} ms")


def _ask(context: Context, moving: Movement | None, example: dict[str, Any]) -> QueryResult:
    """Query the endpoint, or the new version directly if it has no traffic yet."""
    name = context.run.deployment.name
    if moving is None:
        return context.workspace.query(name, example, timeout_s=TIMEOUT_S)
    return context.workspace.query_entity(name, moving.new, example, timeout_s=TIMEOUT_S)


def _failed(context: Context, moving: Movement | None, message: str) -> End:
    log_servers(context, [served_entity_name(context.spec)])
    if moving is None:
        return End(RunStatus.FAILED, message)
    remember_routes(context, moving.at(0))
    return End(RunStatus.FAILED, f"{message} {moving.old} still has all the traffic.")


def input_example(context: Context) -> dict[str, Any] | None:
    spec, workspace = context.spec, context.run.deployment.workspace
    rows = ModelVersion.objects.filter(
        model__workspace=workspace, model__full_name=spec.model, version=int(spec.version)
    )
    example: dict[str, Any] | None = rows.values_list("input_example", flat=True).first()
    return example


def _remember(context: Context, example: dict[str, Any], result: QueryResult) -> None:
    StageRecord.note(
        context.run.pk,
        RunStatus.SMOKE,
        {
            "request": example,
            "status_code": result.status_code,
            "response": body_text(result)[:20_000],
            "latency_ms": result.latency_ms,
            "served_entity": result.served_entity,
        },
    )


def _passed(context: Context, moving: Movement | None, message: str) -> Outcome:
    if moving is not None:
        return GoOn(RunStatus.ROLLOUT, message.replace("live", "without traffic yet", 1))
    log_servers(context, [served_entity_name(context.spec)])
    if RunStatus.ROLLOUT in context.run.stage_order:
        StageRecord.skip(context.run.pk, RunStatus.ROLLOUT, "all traffic at once")
    return succeed(context, message)
