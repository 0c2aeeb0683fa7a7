"""Smoke: a real prediction through the endpoint, on the input example that was logged with the model."""

from __future__ import annotations

from typing import Any

from catalog.models import ModelVersion
from deployments.models import StageRecord
from deployments.stages.context import Context
from deployments.stages.ending import succeed
from deployments.states import End, Level, Outcome, RunStatus, Wait
from deployments.sync import body_text
from integrations.databricks import QueryResult

TIMEOUT_S = 120
TRIES = 5
TRY_AGAIN = frozenset({429, 502, 503, 504})


def run_stage(context: Context) -> Outcome:
    example = _input_example(context)
    if example is None:
        context.log("the model was logged without an input example: no request was sent", level=Level.WARNING)
        return _live(context, "live, without a smoke test: the model has no input example")
    result = context.workspace.query(context.run.deployment.name, example, timeout_s=TIMEOUT_S)
    _remember(context, example, result)
    if result.status_code in TRY_AGAIN and context.run.stage_tries < TRIES:
        return Wait(2, f"the endpoint answered {result.status_code}; asking again")
    if result.status_code != 200:
        return End(
            RunStatus.FAILED,
            f"the smoke test got {result.status_code}: {body_text(result)[:500]}",
        )
    if not isinstance(result.body, dict) or "predictions" not in result.body:
        return End(RunStatus.FAILED, f"the smoke test's answer has no predictions: {body_text(result)[:500]}")
    return _live(context, f"live: {result.served_entity} answered in {result.latency_ms:.0f} ms")


def _input_example(context: Context) -> dict[str, Any] | None:
    spec, workspace = context.spec, context.run.deployment.workspace
    rows = ModelVersion.objects.filter(
        model__workspace=workspace, model__full_name=spec.model, version=int(spec.version)
    )
    example: dict[str, Any] | None = rows.values_list("input_example", flat=True).first()
    return example


def _remember(context: Context, example: dict[str, Any], result: QueryResult) -> None:
    StageRecord.note(
        context.run,
        RunStatus.SMOKE,
        {
            "request": example,
            "status_code": result.status_code,
            "response": body_text(result)[:20_000],
            "latency_ms": result.latency_ms,
            "served_entity": result.served_entity,
        },
    )


def _live(context: Context, message: str) -> Outcome:
    StageRecord.skip(context.run, RunStatus.ROLLOUT, "all traffic at once")
    return succeed(context, message)
