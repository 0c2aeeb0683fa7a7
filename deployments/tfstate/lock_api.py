"""API of the lock of a deployment's tfstate: who holds it, and force-unlock."""

from __future__ import annotations

from typing import Any, Protocol

from drf_spectacular.utils import extend_schema
from pydantic import Field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.models import Deployment
from deployments.tfstate import services
from deployments.tfstate.models import StateLock
from web.bodies import Part, parse


class ForceUnlock(Part):
    """With ``lock_id`` the request is refused (409, other_lock) if the lock has a different id."""

    reason: str = Field(min_length=10, max_length=4000)
    lock_id: str = Field(default="", max_length=64)


class StateLockSerializer(serializers.Serializer[Any]):
    """``is_left``: no live run holds the lock, so a platform admin may free it."""

    is_locked = serializers.BooleanField(read_only=True)
    is_left = serializers.BooleanField(read_only=True)
    run = serializers.IntegerField(read_only=True, allow_null=True)
    lock_id = serializers.CharField(read_only=True)
    operation = serializers.CharField(read_only=True)
    since = serializers.DateTimeField(read_only=True, allow_null=True)


class _DeploymentView(Protocol):
    def get_object(self) -> Deployment: ...


def _shown(deployment: Deployment) -> dict[str, Any]:
    lock = StateLock.objects.select_related("run").filter(deployment=deployment).first()
    if lock is None:
        return {"is_locked": False, "is_left": False, "run": None, "lock_id": "", "operation": "", "since": None}
    return {
        "is_locked": True,
        "is_left": lock.run_at_work() is None,
        "run": lock.run_id,
        "lock_id": lock.lock_id,
        "operation": str(lock.info.get("Operation", "")),
        "since": lock.created_at,
    }


class LockActions:
    """Lock actions for a view set of deployments."""

    @extend_schema(operation_id="deployments_lock", responses=StateLockSerializer)
    @action(detail=True, filter_backends=[], pagination_class=None)
    def lock(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Who holds the lock of the tfstate, and since when."""
        return Response(StateLockSerializer(_shown(self.get_object())).data)

    @extend_schema(operation_id="deployments_lock_release", request=ForceUnlock, responses=StateLockSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None, url_path="lock/release")
    def lock_release(self: _DeploymentView, request: Request, pk: str) -> Response:
        """Free a lock that was left behind. For platform admins. The reason goes to the audit trail."""
        deployment, asked = self.get_object(), parse(ForceUnlock, request.data)
        services.force_unlock(deployment=deployment, actor=user_of(request), reason=asked.reason, lock_id=asked.lock_id)
        return Response(StateLockSerializer(_shown(deployment)).data)
