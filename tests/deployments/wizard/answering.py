"""Steps through the wizard: what a person answers, and sends."""

from typing import Any

from django.test import Client
from django.urls import reverse

from deployments.models import Draft

START = reverse("deployments:wizard_start")
ANSWERS: dict[str, dict[str, Any]] = {
    "model": {"environment": "staging", "model": "staging.fraud.card_fraud", "version": "3"},
    "target": {
        "name": "card-fraud",
        "workload_type": "CPU",
        "workload_size": "Medium",
        "scale_to_zero": "on",
        "env_vars_name": ["MODE", "", "API_TOKEN"],
        "env_vars_value": ["strict", "", "{{secrets/fraud/token}}"],
        "tags_name": ["project"],
        "tags_value": ["chargebacks"],
    },
    "rollout": {"strategy": "all_at_once"},
    "monitoring": {
        "inference_table": "on",
        "drift_metric": "psi",
        "drift_threshold": "0.25",
        "critical": ["amount"],
    },
}


def step_url(draft: Draft, step: str) -> str:
    return reverse("deployments:wizard_step", args=[draft.pk, step])


def post(
    client: Client,
    draft: Draft,
    step: str,
    answers: dict[str, Any] | None = None,
    go: str = "next",
    revision: int | str | None = None,
    **extra: Any,
) -> Any:
    """The answer to a step that is sent with ``answers``, those of ANSWERS unless told otherwise."""
    draft.refresh_from_db()
    body = {**(ANSWERS.get(step, {}) if answers is None else answers), "go": go}
    body["revision"] = draft.revision if revision is None else revision
    return client.post(step_url(draft, step), body, **extra)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def answer_all(client: Client, draft: Draft, headers: dict[str, str] | None = None) -> None:
    for step, following in (
        ("model", "target"),
        ("target", "rollout"),
        ("rollout", "monitoring"),
        ("monitoring", "review"),
    ):
        answer = post(client, draft, step, headers=headers or {})
        assert answer.status_code == 302, text_of(answer)
        assert answer.headers["Location"] == step_url(draft, following)
