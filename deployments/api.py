"""Routes of the API of deployments and runs."""

from __future__ import annotations

from deployments.pages.api_deployments import DeploymentRunViewSet, DeploymentViewSet
from deployments.pages.api_rollbacks import RehearsalViewSet, RollbackViewSet
from deployments.pages.api_runs import RunViewSet
from deployments.pages.api_unmanaged import AdoptViewSet, UnmanagedEndpointViewSet
from deployments.policies.api import PolicyViewSet
from deployments.policies.freeze_api import FreezeViewSet
from deployments.policies.notice_api import NoticeViewSet
from deployments.pricing.api import EstimateViewSet, PriceTableViewSet
from deployments.tfstate.api import StateVersionViewSet
from deployments.trials.api import TestRequestViewSet

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
