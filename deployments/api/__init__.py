"""API of deployments and runs."""

from __future__ import annotations

from deployments.api.deployments import DeploymentRunViewSet, DeploymentViewSet
from deployments.api.freezes import FreezeViewSet
from deployments.api.notices import NoticeViewSet
from deployments.api.policies import PolicyViewSet
from deployments.api.prices import EstimateViewSet, PriceTableViewSet
from deployments.api.rollbacks import RehearsalViewSet, RollbackViewSet
from deployments.api.runs import RunViewSet
from deployments.api.states import StateVersionViewSet
from deployments.api.test_requests import TestRequestViewSet
from deployments.api.unmanaged import AdoptViewSet, UnmanagedEndpointViewSet

OF_DEPLOYMENT = r"deployments/(?P<deployment_id>[0-9]{1,18})"

routes: list[tuple[str, type, str]] = [
    ("deployments", DeploymentViewSet, "deployment"),
    (f"{OF_DEPLOYMENT}/runs", DeploymentRunViewSet, "deployment-run"),
    (f"{OF_DEPLOYMENT}/test-requests", TestRequestViewSet, "test-request"),
    (f"{OF_DEPLOYMENT}/rollback", RollbackViewSet, "deployment-rollback"),
    (f"{OF_DEPLOYMENT}/rehearsals", RehearsalViewSet, "rehearsal"),
    (f"{OF_DEPLOYMENT}/states", StateVersionViewSet, "state-version"),
    ("endpoints/unmanaged", UnmanagedEndpointViewSet, "unmanaged-endpoint"),
    ("endpoints/adopt", AdoptViewSet, "endpoint-adopt"),
    ("runs", RunViewSet, "run"),
    ("estimates", EstimateViewSet, "estimate"),
    ("prices", PriceTableViewSet, "price"),
    ("policies", PolicyViewSet, "policy"),
    ("freezes", FreezeViewSet, "freeze"),
    ("notices", NoticeViewSet, "notice"),
]
