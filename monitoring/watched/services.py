"""What services of drift and quality ask first."""

from __future__ import annotations

from deployments.models import Deployment
from monitoring.watched.versions import inference_table
from web.errors import Refused


def require_inference_table(deployment: Deployment) -> str:
    """Full name of the table that keeps requests and answers. Raises Refused where none is kept."""
    table = inference_table(deployment)
    if table is None:
        raise Refused("no_inference_table", "This endpoint keeps no requests: switch its inference table on.")
    return table
