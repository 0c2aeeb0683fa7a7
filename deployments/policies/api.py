"""API of policies and their versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import Field, JsonValue
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from catalog.models import Risk
from deployments.policies import services
from deployments.policies.models import ChangeKind, Policy, PolicyLevel, PolicyVersion
from deployments.policies.rules import RULES
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import Part, ShortText, parse
from web.filters import TextFilter


def _one_of(values: Iterable[str], default: Any = ...) -> Any:
    """A field whose values the service checks, described as a list instead of a pattern."""
    return Field(default=default, description=f"One of {', '.join(values)}.")


class NewPolicyVersion(Part):
    """``version`` is the version that you edit. If it is no longer the newest, the edit is refused (409)."""

    version: int = Field(ge=1, le=2**31 - 2)
    level: ShortText = _one_of(PolicyLevel.values)
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=16)
    reason: str = Field(default="", max_length=4000)


class NewPolicy(Part):
    """Leave environment, risk or change out to match all."""

    rule: ShortText = _one_of(RULES)
    environment: str = Field(default="", pattern=r"^[a-zA-Z0-9_-]{0,63}$")
    risk: ShortText = _one_of(Risk.values, "")
    change: ShortText = _one_of(ChangeKind.values, "")
    level: ShortText = _one_of(PolicyLevel.values)
    parameters: dict[str, JsonValue] = Field(default_factory=dict, max_length=16)
    reason: str = Field(default="", max_length=4000)


class PolicySerializer(serializers.ModelSerializer[Policy]):
    """An empty environment, risk or change matches all. For each rule, the most specific policy decides."""

    url = serializers.HyperlinkedIdentityField(view_name="policy-detail")
    title = serializers.SerializerMethodField(help_text="The rule's title.")
    environment = serializers.CharField(read_only=True)
    risk = serializers.CharField(read_only=True)
    change = serializers.CharField(read_only=True)
    parameters = serializers.DictField(read_only=True)

    class Meta:
        model = Policy
        fields = ["id", "url", "rule", "title", "environment", "risk", "change", "level", "parameters", "version"]
        read_only_fields = fields

    def get_title(self, policy: Policy) -> str:
        return RULES[policy.rule].title if policy.rule in RULES else policy.rule


class PolicyVersionSerializer(serializers.ModelSerializer[PolicyVersion]):
    parameters = serializers.DictField(read_only=True)
    created_by = serializers.CharField(
        source="created_by.username",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="null if the version came with Slipway.",
    )

    class Meta:
        model = PolicyVersion
        fields = ["number", "level", "parameters", "reason", "created_by", "created_at"]
        read_only_fields = fields


class PolicyFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    rule = TextFilter(label="Rule")
    environment = TextFilter(label="Environment")
    level = django_filters.ChoiceFilter(choices=PolicyLevel.choices, label="Level")

    class Meta:
        model = Policy
        fields: list[str] = []


class PolicyViewSet(
    PortalAPIMixin, ByIdMixin[Policy], mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Policy]
):
    """Policies: which rule applies where, and how strictly. Everybody may read them. Platform admins edit them."""

    queryset = Policy.objects.all()
    serializer_class = PolicySerializer
    filter_backends = BACKENDS
    filterset_class = PolicyFilter
    ordering_fields = ["rule"]
    ordering = ("rule", "pk")

    @extend_schema(
        request=NewPolicy,
        responses={201: PolicySerializer},
        examples=[
            OpenApiExample(
                "A second person for critical models",
                {"rule": "second_person", "environment": "prod", "risk": "critical", "level": "mandatory"},
                request_only=True,
            )
        ],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a policy for a rule and a place that have none. For platform admins."""
        asked = parse(NewPolicy, request.data)
        place = {"environment": asked.environment, "risk": asked.risk, "change": asked.change}
        policy = services.create_policy(
            rule=asked.rule,
            place=place,
            level=asked.level,
            parameters=dict(asked.parameters),
            reason=asked.reason,
            actor=user_of(request),
        )
        body = self.get_serializer(policy).data
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})

    @extend_schema(operation_id="policies_versions", responses=PolicyVersionSerializer(many=True))
    @action(detail=True, filter_backends=[], pagination_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        """Every version of the policy, newest first."""
        rows: QuerySet[PolicyVersion] = self.get_object().versions.select_related("created_by")
        return Response(PolicyVersionSerializer(rows, many=True).data)

    @extend_schema(operation_id="policies_edit", request=NewPolicyVersion, responses={201: PolicySerializer})
    @versions.mapping.post
    def edit(self, request: Request, pk: str) -> Response:
        """Edit the policy. This creates a new version. For platform admins."""
        policy, asked = self.get_object(), parse(NewPolicyVersion, request.data)
        edited = services.edit_policy(
            policy=policy,
            version=asked.version,
            level=asked.level,
            parameters=dict(asked.parameters),
            reason=asked.reason,
            actor=user_of(request),
        )
        return Response(self.get_serializer(edited).data, status.HTTP_201_CREATED)
