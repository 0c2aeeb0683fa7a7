"""The wizard around its forms: progress, the checklist before a run, and usual durations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from django.urls import reverse
from django.utils import timezone

from catalog.models import Environment
from deployments.deployment.models import Deployment
from deployments.runs.checking import Target
from deployments.runs.models import Run
from deployments.runs.statuses import TERMINAL, UNFINISHED, RunKind, RunStatus
from deployments.wizard.models import Draft

STEPS = ("template", "model", "target", "rollout", "monitoring", "review")

TITLES = {
    "template": "Template",
    "model": "Model",
    "target": "Target",
    "rollout": "Rollout",
    "monitoring": "Monitoring",
    "review": "Review",
}

RECENT = timedelta(days=30)

MEDIAN_OF = 50

# -- progress -------------------------------------------------------------------------------------


def wrong_steps(problems: Iterable[str], step_of: Mapping[str, str]) -> set[str]:
    """The steps that have problems. ``problems`` are dotted field names."""
    return {step_of.get(name.partition(".")[0], "model") for name in problems}


def open_step(draft: Draft, wrong: set[str]) -> str:
    """The first step that is missing or has problems. It and all steps before it can be opened."""
    return next((step for step in STEPS[:-1] if step not in draft.done or step in wrong), STEPS[-1])


def reachable(draft: Draft, wrong: set[str]) -> tuple[str, ...]:
    return STEPS[: STEPS.index(open_step(draft, wrong)) + 1]


def steps_bar(draft: Draft, wrong: set[str], current: str) -> list[dict[str, str]]:
    may_open = reachable(draft, wrong)
    bar = []
    for step in STEPS:
        state = "current" if step == current else "done" if step in draft.done and step not in wrong else "todo"
        url = reverse("deployments:wizard_step", args=[draft.pk, step]) if step in may_open else ""
        bar.append({"label": TITLES[step], "url": url, "state": state})
    return bar


def neighbours(step: str) -> tuple[str, str]:
    """The previous and the next step; "" at the ends."""
    index = STEPS.index(step)
    return STEPS[index - 1] if index else "", STEPS[index + 1] if index + 1 < len(STEPS) else ""


@dataclass(frozen=True)
class DraftRow:
    draft: Draft
    title: str
    text: str
    step: str


def draft_row(draft: Draft) -> DraftRow:
    answers = draft.answers
    step = open_step(draft, set())
    model = answers.get("model", "")
    version = f"version {answers['version']}" if answers.get("version") else ""
    what = "Update of " if draft.deployment_id else ""
    title = what + str(answers.get("name") or model.rpartition(".")[2] or "New deployment")
    told = [text for text in (model, version, answers.get("environment", "")) if text]
    return DraftRow(draft, title, " \N{MIDDLE DOT} ".join(told) or "Nothing selected yet", step)


# -- before it starts -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """A line of the checklist: a fact that is known before the run, or a check that the run will make."""

    tone: str
    label: str
    text: str


def checklist(target: Target, deployment: Deployment | None) -> list[Known]:
    version = target.version
    lines = [
        Known("ok", "Model version", f"{target.model.full_name} version {version.version} is ready."),
        _example(version.input_example is not None),
        _signature(bool(version.signature.get("inputs"))),
        _registry(target.environment),
    ]
    if deployment:
        state = deployment.endpoint_state()
        lines += [Known(state.tone, "Endpoint", f"{state.label}."), _queue(deployment)]
    else:
        lines.append(Known("ok", "Endpoint name", f"No other deployment in {target.environment.workspace} uses it."))
    later = "The grant on the model, the identity and the workspace itself are checked when the run starts."
    return [*lines, Known("idle", "Workspace", later)]


def _example(there: bool) -> Known:
    if there:
        return Known("ok", "Smoke test", "The input example logged with the model will be sent to the endpoint.")
    return Known("warn", "Smoke test", "The model has no input example: nothing will be sent to the endpoint.")


def _signature(there: bool) -> Known:
    if there:
        return Known("ok", "Signature", "Requests can be validated against it.")
    return Known(
        "warn", "Signature", "The version has no signature: inputs cannot be validated or monitored for drift."
    )


def _registry(environment: Environment) -> Known:
    workspace = environment.workspace
    if workspace.synced_at is None:
        return Known("unknown", "Registry", "The registry has not been read yet.")
    if workspace.sync_error:
        return Known("warn", "Registry", "The last read failed. The information shown may be outdated.")
    return Known("ok", "Registry", "The catalog is up to date.")


def _queue(deployment: Deployment) -> Known:
    ahead = deployment.runs.filter(status__in=UNFINISHED).order_by("-pk").first()
    if ahead is None:
        return Known("ok", "Queue", "No other run of this deployment is active.")
    return Known("warn", "Queue", f"The run will wait for run #{ahead.pk} to end.")


def usual_duration_s(environment: Environment) -> float | None:
    """Median duration of recent successful deploy runs in seconds, including waiting. None without such runs."""
    runs = Run.objects.filter(
        deployment__environment=environment, kind=RunKind.DEPLOY, status=RunStatus.SUCCEEDED, finished_at__isnull=False
    )
    spans = runs.values_list("created_at", "finished_at")[:MEDIAN_OF]
    took = [(end - start).total_seconds() for start, end in spans if end]
    return median(took) if took else None


def template_facts() -> dict[str, Any]:
    """Statistics of the serving template over the last 30 days and all teams. No data of single runs."""
    since = timezone.now() - RECENT
    ended = Run.objects.filter(kind=RunKind.DEPLOY, status__in=TERMINAL, finished_at__gte=since)
    rows = list(ended.values_list("status", "created_at", "finished_at")[:1000])
    good = [row for row in rows if row[0] in (RunStatus.SUCCEEDED, RunStatus.NO_CHANGE)]
    took = [(end - start).total_seconds() for status, start, end in rows if status == RunStatus.SUCCEEDED and end]
    return {
        "runs": len(rows),
        "success_percent": round(100 * len(good) / len(rows)) if rows else None,
        "median_s": median(took) if took else None,
    }
