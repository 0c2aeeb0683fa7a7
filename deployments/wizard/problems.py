"""Problems in the answers of an unfinished wizard, as specs and services report them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.models import User
from deployments.deployment.models import Deployment
from deployments.deployment.specs import parse_spec
from deployments.runs.checking import check_spec
from web.errors import Invalid

# The step that edits a part of the spec.
STEP_OF = {
    "model": "model",
    "version": "model",
    "environment": "model",
    "name": "target",
    "compute": "target",
    "env_vars": "target",
    "tags": "target",
    "rollout": "rollout",
    "monitoring": "monitoring",
}
# Placeholders for missing or invalid parts, so that the other parts can be checked.
PLACEHOLDERS = {"model": "-.-.-", "version": "1", "environment": "-", "name": "x"}

Problems = dict[str, list[str]]


def problems_of(answers: Mapping[str, Any], actor: User, deployment: Deployment | None) -> Problems:
    """All problems as {dotted field name: [message]}. Empty if the spec can be deployed."""
    found: Problems = {}
    wrong: set[str] = set()
    try:
        spec = parse_spec(answers)
    except Invalid as invalid:
        found = dict(invalid.fields)
        wrong = {top_level(name) for name in found}
        spec = parse_spec({**PLACEHOLDERS, **{key: value for key, value in answers.items() if key not in wrong}})
    try:
        check_spec(spec, actor, deployment)
    except Invalid as refused:
        found |= {name: texts for name, texts in refused.fields.items() if top_level(name) not in wrong}
    return found


def top_level(name: str) -> str:
    return name.partition(".")[0]


def problems_of_step(problems: Problems, step: str) -> Problems:
    return {name: texts for name, texts in problems.items() if STEP_OF.get(top_level(name), "model") == step}
