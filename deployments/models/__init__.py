from auditlog.registry import auditlog

from deployments.models.budget import Budget, MonthSpend
from deployments.models.configcheck import ConfigCheck
from deployments.models.deployment import Deployment, Draft, EndpointState
from deployments.models.event import Event
from deployments.models.freeze import Freeze
from deployments.models.notice import Notice
from deployments.models.policy import ChangeKind, Policy, PolicyLevel, PolicyResult, PolicyVersion
from deployments.models.pricing import PriceTable, Rate
from deployments.models.records import Approval, RunPlan, StageRecord
from deployments.models.rollout import Rehearsal, RolloutStep
from deployments.models.run import IllegalTransition, Lease, LeaseLost, Run
from deployments.models.smoke import TestRequest
from deployments.models.tfstate import BackendCredential, StateLock, StateVersion
from deployments.models.unmanaged import EndpointListing, UnmanagedEndpoint
from deployments.models.validation import Validation

__all__ = [
    "Approval",
    "BackendCredential",
    "Budget",
    "ChangeKind",
    "ConfigCheck",
    "Deployment",
    "Draft",
    "EndpointListing",
    "EndpointState",
    "Event",
    "Freeze",
    "IllegalTransition",
    "Lease",
    "LeaseLost",
    "MonthSpend",
    "Notice",
    "Policy",
    "PolicyLevel",
    "PolicyResult",
    "PolicyVersion",
    "PriceTable",
    "Rate",
    "Rehearsal",
    "RolloutStep",
    "Run",
    "RunPlan",
    "StageRecord",
    "StateLock",
    "StateVersion",
    "TestRequest",
    "UnmanagedEndpoint",
    "Validation",
]

# Who asked for what and who decided. How a run went is in its events; plan files, states and digests are nowhere.
auditlog.register(Deployment, include_fields=["team", "environment", "model", "name", "spec", "created_by"])
auditlog.register(Run, include_fields=["deployment", "kind", "requested_by", "cancel_requested_by"])
auditlog.register(
    Approval, include_fields=["run", "decision", "decided_by", "reason", "plan_sha256", "model_version", "state_serial"]
)
auditlog.register(Policy)
auditlog.register(Budget)
auditlog.register(Freeze)
auditlog.register(PriceTable)
auditlog.register(Rehearsal, include_fields=["deployment", "version", "rollback_run", "return_run", "started_by"])
