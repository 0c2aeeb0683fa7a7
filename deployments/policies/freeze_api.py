"""API of freezes: periods in which no run starts to apply."""

from __future__ import annotations

from typing import Annotated, Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import AwareDatetime, BeforeValidator, Field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Team
from accounts.people.permissions import user_of
from catalog.models import Environment
from deployments.policies import freezes
from deployments.policies.models import Freeze
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import Nothing, Part, ShortText, parse
from web.errors import Invalid


def _text(value: object) -> object:
    """Numbers are rejected; pydantic would accept them as timestamps."""
    if not isinstance(value, str):
        raise ValueError("Enter a time in RFC 3339 format with a UTC offset, such as 2026-01-31T00:00:00Z.")
    return value


class NewFreeze(Part):
    """Without environment and team, the freeze covers everything. ``ends_at`` is at most 30 days from now."""

    reason: str = Field(min_length=1, max_length=4000)
    ends_at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]
    environment: ShortText | None = None
    team: ShortText | None = None


class FreezeSerializer(serializers.ModelSerializer[Freeze]):
    url = serializers.HyperlinkedIdentityField(view_name="freeze-detail")
    environment = serializers.CharField(source="environment.slug", read_only=True, allow_null=True, default=None)
    team = serializers.CharField(source="team.slug", read_only=True, allow_null=True, default=None)
    is_active = serializers.BooleanField(read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True)
    lifted_by = serializers.CharField(source="lifted_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Freeze
        fields = [
            "id",
            "url",
            "scope",
            "environment",
            "team",
            "reason",
            "ends_at",
            "is_active",
            "created_by",
            "created_at",
            "lifted_by",
            "lifted_at",
        ]
        read_only_fields = fields


class FreezeFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    active = django_filters.ChoiceFilter(
        choices=[("true", "Now"), ("false", "Over")], method="is_active", label="Active"
    )

    class Meta:
        model = Freeze
        fields: list[str] = []

    def is_active(self, rows: QuerySet[Freeze], name: str, value: str) -> QuerySet[Freeze]:
        active = Q(lifted_at=None, ends_at__gt=timezone.now())
        return rows.filter(active if value == "true" else ~active)


class FreezeViewSet(
    PortalAPIMixin, ByIdMixin[Freeze], mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Freeze]
):
    """Freezes that apply to you, newest first. Platform admins create and lift them."""

    queryset = Freeze.objects.none()
    serializer_class = FreezeSerializer
    filter_backends = BACKENDS
    filterset_class = FreezeFilter
    ordering_fields = ["ends_at"]
    ordering = "-pk"

    def get_queryset(self) -> QuerySet[Freeze]:
        rows = Freeze.objects.visible_to(user_of(self.request))
        return rows.select_related("environment", "team", "created_by", "lifted_by")

    @extend_schema(request=NewFreeze, responses={201: FreezeSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a freeze. Runs still plan and can be approved, but do not start to apply. For platform admins."""
        asked, actor = parse(NewFreeze, request.data), user_of(request)
        freeze = freezes.create_freeze(
            reason=asked.reason,
            ends_at=asked.ends_at,
            environment=_named(Environment.objects.all(), "environment", asked.environment),
            team=_named(Team.objects.visible_to(actor), "team", asked.team),
            actor=actor,
        )
        body = self.get_serializer(freeze).data
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})

    @extend_schema(operation_id="freezes_lift", request=Nothing, responses=FreezeSerializer)
    @action(detail=True, methods=["post"], filter_backends=[], pagination_class=None)
    def lift(self, request: Request, pk: str) -> Response:
        """Lift a freeze early. For platform admins."""
        freeze, _ = self.get_object(), parse(Nothing, request.data)
        return Response(self.get_serializer(freezes.lift_freeze(freeze=freeze, actor=user_of(request))).data)


def _named(rows: QuerySet[Any], field: str, slug: str | None) -> Any:
    """The row with this slug; None without a slug. Raises Invalid if it does not exist."""
    if slug is None:
        return None
    found = rows.filter(slug=slug).first()
    if found is None:
        raise Invalid({field: [f"There is no {field} {slug}."]})
    return found
