"""What people and pipelines can do with deployments and runs. Pages and API call these and nothing else."""

from __future__ import annotations

from deployments.policies.approval import may_decide
from deployments.services.adopting import adopt_endpoint, refresh_unmanaged
from deployments.services.base import Refused
from deployments.services.breaking_glass import acknowledge_notice, break_glass
from deployments.services.checking import Target, check_spec
from deployments.services.cleaning import clean_up
from deployments.services.configuration import accept_configuration, check_configuration, revert_configuration
from deployments.services.deciding import approve, reject
from deployments.services.deploying import request_deployment, request_destroy, request_update, submit_draft
from deployments.services.freezing import create_freeze, lift_freeze
from deployments.services.overriding import override_policy
from deployments.services.policies import create_policy, edit_policy
from deployments.services.pricing import create_price_table
from deployments.services.rolling_back import (
    RollbackTarget,
    rehearse_rollback,
    request_rollback,
    rollback_target,
    rollback_targets,
)
from deployments.services.rollouts import promote, roll_back_run
from deployments.services.stopping import cancel, resume
from deployments.services.trying import request_test
from deployments.services.unlocking import force_unlock

__all__ = [
    "Refused",
    "RollbackTarget",
    "Target",
    "accept_configuration",
    "acknowledge_notice",
    "adopt_endpoint",
    "approve",
    "break_glass",
    "cancel",
    "check_configuration",
    "check_spec",
    "clean_up",
    "create_freeze",
    "create_policy",
    "create_price_table",
    "edit_policy",
    "force_unlock",
    "lift_freeze",
    "may_decide",
    "override_policy",
    "promote",
    "refresh_unmanaged",
    "rehearse_rollback",
    "reject",
    "request_deployment",
    "request_destroy",
    "request_rollback",
    "request_test",
    "request_update",
    "resume",
    "revert_configuration",
    "roll_back_run",
    "rollback_target",
    "rollback_targets",
    "submit_draft",
]
