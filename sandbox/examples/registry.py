"""The examples, and which of them the registry lacks. Does not import MLflow: a check is one request for each."""

from __future__ import annotations

import os

import httpx

# Models are trained for the first catalog; versions are copied to the others.
CATALOGS = ("dev", "staging", "prod")
# The last step of a promotion sets it: an example that has it in all catalogs is complete.
CHAMPION = "champion"
EXAMPLES = ("fraud.credit_default", "pricing.diamond_price", "support.churn_risk")
TIMEOUT_S = 30


def missing_models() -> list[str]:
    """The examples, as schema.name, that are incomplete in any catalog. Raises httpx.HTTPError."""
    headers = {}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    with httpx.Client(base_url=os.environ["MLFLOW_TRACKING_URI"], headers=headers, timeout=TIMEOUT_S) as client:
        return [name for name in EXAMPLES if not all(_has_champion(client, f"{c}.{name}") for c in CATALOGS)]


def _has_champion(client: httpx.Client, full_name: str) -> bool:
    answer = client.get("/api/2.0/mlflow/registered-models/alias", params={"name": full_name, "alias": CHAMPION})
    if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST):
        return False
    answer.raise_for_status()
    return True
