"""What people and pipelines can do with deployments and runs. Pages and API call these and nothing else."""

from __future__ import annotations

from deployments.services.base import ActionRefused
from deployments.services.checking import Target, check_spec
from deployments.services.deciding import approve, may_decide, reject
from deployments.services.deploying import request_deployment, request_destroy, request_update, submit_draft
from deployments.services.stopping import cancel, resume
from deployments.services.trying import request_test

__all__ = [
    "ActionRefused",
    "Target",
    "approve",
    "cancel",
    "check_spec",
    "may_decide",
    "reject",
    "request_deployment",
    "request_destroy",
    "request_test",
    "request_update",
    "resume",
    "submit_draft",
]
