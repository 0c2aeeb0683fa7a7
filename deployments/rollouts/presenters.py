"""The Rollout tab of a run: steps, numbers of both versions, routes, and the rule as text."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from deployments.deployment.specs import Rollout
from deployments.rollouts.entities import Movement, entities_of, movement
from deployments.rollouts.models import RolloutStep
from deployments.rollouts.questions import promote_question, roll_back_question
from deployments.rollouts.steps import SHADOW, steps_of
from deployments.rollouts.verdicts import STEP_TONES, StepVerdict
from deployments.runs.models import Run
from deployments.runs.records import StageRecord
from deployments.runs.statuses import RunStatus
from web.views import Question


@dataclass(frozen=True)
class RouteRow:
    """The route of one version, in percent of the traffic. ``live`` is None until it is read back."""

    version: str
    expected: int
    live: int | None

    @property
    def is_as_expected(self) -> bool:
        return self.live == self.expected


@dataclass(frozen=True)
class NumbersRow:
    version: str
    requests: int
    percent_4xx: float
    percent_5xx: float
    p99_ms: float | None


@dataclass(frozen=True)
class StepRow:
    """A step of the rollout. ``step`` is None if it has not started."""

    percent: int
    title: str
    tone: str
    verdict: str
    step: RolloutStep | None = None


def rollout_panel(run: Run, record: StageRecord | None, user: User) -> dict[str, Any]:
    plan = getattr(run, "plan", None)
    moving = movement(run.parsed_spec(), plan.variables) if plan else None
    if plan is None or moving is None:
        return {"moving": None}
    steps = list(RolloutStep.of(run))
    versions = {entity["name"]: f"v{entity['entity_version']}" for entity in entities_of(plan.variables)}
    shown = steps[-1] if steps else None
    return {
        "moving": moving,
        "old_version": versions.get(moving.old, moving.old),
        "new_version": versions.get(moving.new, moving.new),
        "strategy": run.parsed_spec().rollout.strategy,
        "rule": rule_text(run.parsed_spec().rollout),
        "step_rows": _step_rows(run.parsed_spec().rollout, steps),
        "step": shown,
        "numbers": _numbers(shown, moving, versions) if shown else [],
        "differing": shown.numbers.get("differing") if shown else None,
        "route_rows": _routes(shown, versions) if shown else [],
        **_questions(run, shown, user),
    }


def rule_text(limits: Rollout) -> str:
    """The limits of a step as a sentence."""
    told = [f"at most {100 * limits.max_error_rate:.3g} % errors (4xx and 5xx), or no more than the previous version"]
    if limits.max_p99_ms is not None:
        told.append(f"99 % of the answers within {limits.max_p99_ms} ms")
    told.append(f"judged on at least {limits.min_requests} requests")
    return f"{', '.join(told)[:1].upper()}{', '.join(told)[1:]}."


def _step_rows(limits: Rollout, steps: list[RolloutStep]) -> list[StepRow]:
    begun = [
        StepRow(
            step.percent, _title(step.percent), STEP_TONES[StepVerdict(step.verdict)], step.get_verdict_display(), step
        )
        for step in steps
    ]
    reached = max((step.percent for step in steps), default=-1)
    ended = any(step.back_since for step in steps)
    to_come = [] if ended else [percent for percent in steps_of(limits) if percent > reached]
    return begun + [StepRow(percent, _title(percent), "idle", "Not started") for percent in to_come]


def _title(percent: int) -> str:
    return "Shadow: no traffic" if percent == SHADOW else f"{percent} % of the traffic"


def _numbers(step: RolloutStep, moving: Movement, versions: dict[str, str]) -> list[NumbersRow]:
    rows = []
    for key, name in (("old", moving.old), ("new", moving.new)):
        if key not in step.numbers:
            continue
        told = step.numbers[key]
        share = 100 / told["requests"] if told["requests"] else 0.0
        errors = told["errors_4xx"] * share, told["errors_5xx"] * share
        rows.append(NumbersRow(versions.get(name, name), told["requests"], *errors, told["p99_ms"]))
    return rows


def _routes(step: RolloutStep, versions: dict[str, str]) -> list[RouteRow]:
    """The routes as last read back. While traffic goes back, all of it is expected on the previous version."""
    wanted: dict[str, int] = step.expected
    if step.back_since:
        first = next(iter(wanted))
        wanted = {name: 100 if name == first else 0 for name in wanted}
    return [RouteRow(versions.get(name, name), percent, step.live.get(name)) for name, percent in wanted.items()]


def _questions(run: Run, step: RolloutStep | None, user: User) -> dict[str, Question | None]:
    is_open = run.status == RunStatus.ROLLOUT and step is not None and step.back_since is None
    if step is None or not is_open or not can(user, Action.DEPLOY, run.deployment.team):
        return {"promote": None, "roll_back": None}
    return {"promote": None if step.order else promote_question(run), "roll_back": roll_back_question(run)}


def rollout_token(run: Run) -> str:
    """A token that changes with every update of the running rollout; "" before and after. At most one query."""
    if run.status != RunStatus.ROLLOUT:
        return ""
    step = RolloutStep.of(run).last()
    if step is None:
        return ""
    seen = [step.verdict, step.message, step.order, step.live, step.numbers, str(step.moved_at), str(step.back_since)]
    return f"{step.index}-{zlib.crc32(json.dumps(seen, sort_keys=True).encode()):x}"
