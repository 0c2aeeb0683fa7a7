"""Checks that the services of drift and quality share."""

from __future__ import annotations

from deployments.models import Deployment
from monitoring.watched.versions import inference_table
from web.errors import Refused


def require_inference_table(deployment: Deployment) -> str:
    """Full name of the inference table. Raises Refused if it is off."""
    table = inference_table(deployment)
    if table is None:
        raise Refused("no_inference_table", "The inference table of this endpoint is off. Turn it on first.")
    return table
