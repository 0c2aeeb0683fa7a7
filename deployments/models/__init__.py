from deployments.models.deployment import Deployment, Draft, EndpointState
from deployments.models.event import Event
from deployments.models.run import Approval, IllegalTransition, Lease, LeaseLost, Run, RunPlan, StageRecord
from deployments.models.smoke import TestRequest
from deployments.models.tfstate import BackendCredential, StateLock, StateVersion

__all__ = [
    "Approval",
    "BackendCredential",
    "Deployment",
    "Draft",
    "EndpointState",
    "Event",
    "IllegalTransition",
    "Lease",
    "LeaseLost",
    "Run",
    "RunPlan",
    "StageRecord",
    "StateLock",
    "StateVersion",
    "TestRequest",
]
