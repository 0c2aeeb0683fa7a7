from auditlog.registry import auditlog

from deployments.configuration.models import ConfigCheck
from deployments.configuration.unmanaged import EndpointListing, UnmanagedEndpoint
from deployments.deployment.models import Deployment, EndpointState
from deployments.policies.budgets import Budget, MonthSpend
from deployments.policies.models import (
    Approval,
    ChangeKind,
    Freeze,
    Notice,
    Policy,
    PolicyLevel,
    PolicyResult,
    PolicyVersion,
)
from deployments.pricing.models import PriceTable, Rate
from deployments.rollouts.models import Rehearsal, RolloutStep
from deployments.runs.events import Event
from deployments.runs.models import IllegalTransition, Lease, LeaseLost, Run
from deployments.runs.records import RunPlan, StageRecord
from deployments.stages.preflight.models import Validation
from deployments.tfstate.models import BackendCredential, StateLock, StateVersion
from deployments.trials.models import TestRequest
from deployments.wizard.models import Draft

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

# The audit trail records who requested what and who decided. Events record how a run went. Plan files, states
# and digests are in neither.
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
