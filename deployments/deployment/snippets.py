"""Code samples: a spec as an API call, and a request to an endpoint."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import yaml
from django.conf import settings
from django.urls import reverse

from deployments.deployment.models import Deployment
from deployments.deployment.specs import DeploymentSpec

Sample = dict[str, str]


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def spec_yaml(spec: DeploymentSpec) -> str:
    text: str = yaml.safe_dump(spec.as_json(), sort_keys=False, allow_unicode=True)
    return text


def spec_samples(spec: DeploymentSpec, deployment: Deployment | None) -> list[Sample]:
    """The spec as YAML, as JSON, and as the API call that the Deploy button makes."""
    asked: dict[str, Any] = spec.as_json()
    url = reverse("deployment-list")
    if deployment:
        url = reverse("deployment-run-list", args=[deployment.pk])
        asked = {"kind": "deploy", "spec": asked}
    return [
        {"label": "YAML", "code": spec_yaml(spec)},
        {"label": "JSON", "code": pretty(spec.as_json())},
        {"label": "curl", "code": _curl(f"{settings.PUBLIC_URL}{url}", "SLIPWAY_TOKEN", asked)},
    ]


def invocation_url(deployment: Deployment) -> str:
    """The invocation URL: the one that the workspace reports, else the default of Databricks."""
    if deployment.endpoint_url:
        url = deployment.endpoint_url.rstrip("/")
        return url if url.endswith("/invocations") else f"{url}/invocations"
    parts = urlsplit(deployment.workspace.host)
    return f"{parts.scheme}://{parts.netloc}/serving-endpoints/{deployment.name}/invocations"


def request_samples(deployment: Deployment, body: Any) -> list[Sample]:
    """A request with ``body`` to the endpoint itself."""
    url = invocation_url(deployment)
    return [
        {"label": "curl", "code": _curl(url, "DATABRICKS_TOKEN", body)},
        {"label": "Python", "code": _python(url, body)},
    ]


def _curl(url: str, token_name: str, body: Any) -> str:
    text = pretty(body).replace("'", "'\\''")
    return (
        f'curl -X POST "{url}" \\\n'
        f'  -H "Authorization: Bearer ${token_name}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{text}'"
    )


def _python(url: str, body: Any) -> str:
    text = json.dumps(json.dumps(body, ensure_ascii=False), ensure_ascii=False)
    return (
        "import json\nimport os\n\nimport requests\n\n"
        f"body = json.loads({text})\n"
        "answer = requests.post(\n"
        f"    {json.dumps(url)},\n"
        '    headers={"Authorization": f"Bearer {os.environ[\'DATABRICKS_TOKEN\']}"},\n'
        "    json=body,\n"
        "    timeout=60,\n"
        ")\n"
        "answer.raise_for_status()\n"
        "print(answer.json())"
    )
