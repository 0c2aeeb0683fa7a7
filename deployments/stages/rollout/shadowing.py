"""A shadow step: the new version gets no traffic. Both versions answer copies of requests, which are compared.

The requests are the model's input example and the bodies of trials, newest first. They are repeated until there are
enough.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from deployments.rollouts.entities import Movement
from deployments.rollouts.judging import Rule, Ruling, View, judge, numbers
from deployments.rollouts.models import RolloutStep
from deployments.rollouts.shadow import differ, view_of
from deployments.rollouts.verdicts import StepVerdict
from deployments.rollouts.windows import view_as_json, view_of_json
from deployments.stages.context import Context
from deployments.stages.smoke import input_example
from deployments.trials.models import TestRequest
from integrations.databricks.records import QueryResult

BATCH_S = 4.0
TIMEOUT_S = 60
BODIES = 50
# Errors of the endpoint, not of the model. The request is repeated later and counts for neither version.
NOT_OF_THE_MODEL = frozenset({429, 503})


def replay(context: Context, moving: Movement, step: RolloutStep) -> Ruling:
    """Send more requests to both versions and judge all answers so far."""
    limits = context.spec.rollout
    totals, differing = view_of_json(step.totals), int(step.totals.get("differing", 0))
    bodies = _bodies(context)
    if not bodies:
        text = "there is nothing to replay: the model has no input example, and the endpoint has no trials"
        return Ruling(StepVerdict.INCONCLUSIVE, Rule.MIN_REQUESTS, text, totals)
    name, until = context.run.deployment.name, time.monotonic() + BATCH_S
    while totals.new.requests < limits.min_requests and time.monotonic() < until and not context.should_stop():
        body = bodies[int(totals.new.requests) % len(bodies)]
        ask = partial(context.workspace.query_entity, name, body=body, timeout_s=TIMEOUT_S)
        old, new = ask(moving.old), ask(moving.new)
        if {old.status_code, new.status_code} & NOT_OF_THE_MODEL:
            break
        totals += view_of((old.status_code, old.latency_ms), (new.status_code, new.latency_ms))
        differing += differ(_answer(old), _answer(new))
    step.note(
        totals={**view_as_json(totals), "differing": differing}, numbers={**numbers(totals), "differing": differing}
    )
    return _ruling(judge([totals], limits, is_over=totals.new.requests >= limits.min_requests, is_blind=False), totals)


def _ruling(ruling: Ruling, totals: View) -> Ruling:
    if ruling.verdict != StepVerdict.RUNNING:
        return ruling
    return Ruling(ruling.verdict, ruling.rule, f"{totals.new.requests:.0f} requests replayed", totals)


def _bodies(context: Context) -> list[Any]:
    sent = TestRequest.objects.filter(deployment=context.run.deployment_id).values_list("body", flat=True)[:BODIES]
    example = input_example(context)
    return [*([example] if example is not None else []), *sent]


def _answer(result: QueryResult) -> Any:
    """The part of an answer that is compared: the predictions, or the status code if there are none."""
    if result.ok and isinstance(result.body, dict) and "predictions" in result.body:
        return result.body["predictions"]
    return {"status_code": result.status_code}
