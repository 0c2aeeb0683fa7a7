"""API of cost estimates and price tables."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from pydantic import Field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.people.permissions import user_of
from deployments.deployment.models import Deployment
from deployments.deployment.serializers import SPEC_EXAMPLE
from deployments.deployment.specs import DeploymentSpec
from deployments.pricing import services
from deployments.pricing.models import PriceTable, PriceTableQuerySet, Rate
from deployments.pricing.quoting import prices_today, quote
from deployments.pricing.serializers import EstimateSerializer
from deployments.pricing.tables import NewPriceTable
from deployments.runs import checking
from web.api import BACKENDS, ByIdMixin, PortalAPIMixin
from web.bodies import Part, parse
from web.errors import Invalid


class NewEstimate(Part):
    """A spec to price. With ``deployment``, the response compares it with what that deployment serves now."""

    spec: DeploymentSpec
    #: Hours of use a day. Only used if the spec scales to zero.
    assumed_hours_per_day: float = Field(default=8, ge=0.1, le=24, allow_inf_nan=False)
    #: Id of the deployment that the spec would update.
    deployment: int | None = Field(default=None, ge=1, le=2**63 - 1)


class EstimateLineSerializer(serializers.Serializer[Any]):
    # A field named ``label`` would hide the attribute of the base class, so fields are built here.
    def get_fields(self) -> dict[str, Any]:
        return {
            "label": serializers.CharField(read_only=True),
            "formula": serializers.CharField(read_only=True),
            "low": serializers.CharField(read_only=True, allow_null=True),
            "high": serializers.CharField(read_only=True, allow_null=True),
        }


class UsedTableSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(read_only=True)
    valid_from = serializers.DateField(read_only=True)


class EstimateDetailSerializer(EstimateSerializer):
    hours_per_month = serializers.IntegerField(read_only=True)
    assumed_hours_per_day = serializers.FloatField(read_only=True)
    lines = EstimateLineSerializer(many=True, read_only=True, help_text="The lines add up to low and high.")
    assumptions = serializers.ListField(child=serializers.CharField(), read_only=True)
    table = UsedTableSerializer(read_only=True, allow_null=True)


class EstimateViewSet(PortalAPIMixin, viewsets.GenericViewSet[Deployment]):
    """Cost estimates. Nothing is started or stored."""

    queryset = Deployment.objects.none()
    serializer_class = EstimateDetailSerializer

    @extend_schema(
        request=NewEstimate,
        responses={200: EstimateDetailSerializer},
        examples=[
            OpenApiExample(
                "In use 10 hours a day", {"spec": SPEC_EXAMPLE, "assumed_hours_per_day": 10}, request_only=True
            )
        ],
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Estimate the cost of a spec for a month of 730 hours. The spec is checked as for a deployment.

        Also accepts a bare spec, which is priced with the default hours.
        """
        asked = _parse(request.data)
        deployment = _deployment(request, asked.deployment)
        target = checking.check_spec(asked.spec, user_of(request), deployment)
        hours = Decimal(str(asked.assumed_hours_per_day))
        told = quote(target.spec, table=prices_today(), deployment=deployment, hours_used_per_day=hours)
        return Response(EstimateDetailSerializer(told.as_json()).data)


def _parse(data: object) -> NewEstimate:
    """Parse the body. A bare spec, as in ``POST deployments/``, gets the defaults."""
    is_bare = isinstance(data, Mapping) and "spec" not in data and "model" in data
    try:
        return parse(NewEstimate, {"spec": data} if is_bare else data)
    except Invalid as invalid:
        raise Invalid({name.removeprefix("spec."): texts for name, texts in invalid.fields.items()}) from None


def _deployment(request: Request, pk: int | None) -> Deployment | None:
    if pk is None:
        return None
    rows = Deployment.objects.visible_to(user_of(request)).live().select_related("environment", "model", "team")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Invalid({"deployment": [f"There is no deployment {pk} that you may see."]})
    return found


# -- price tables -----------------------------------------------------------------------------------


class RateSerializer(serializers.ModelSerializer[Rate]):
    class Meta:
        model = Rate
        fields = [
            "workload_type",
            "workload_size",
            "min_concurrency",
            "max_concurrency",
            "min_dbu_per_hour",
            "max_dbu_per_hour",
        ]
        read_only_fields = fields


class PriceTableSerializer(serializers.ModelSerializer[PriceTable]):
    url = serializers.HyperlinkedIdentityField(view_name="price-detail")
    created_by = serializers.CharField(
        source="created_by.username",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="null if the table came with Slipway.",
    )
    rates = RateSerializer(many=True, read_only=True)

    class Meta:
        model = PriceTable
        fields = [
            "id",
            "url",
            "name",
            "currency",
            "valid_from",
            "price_per_dbu",
            "source",
            "rates",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields


class PriceTableFilter(django_filters.FilterSet):  # type: ignore[misc]  # ships no types
    on = django_filters.DateFilter(method="in_force", label="On", help_text="Only the table in force on this day.")

    class Meta:
        model = PriceTable
        fields: list[str] = []

    def in_force(self, rows: PriceTableQuerySet, name: str, value: Any) -> PriceTableQuerySet:
        found = PriceTable.objects.in_force(value)
        return rows.filter(pk=found.pk) if found else rows.none()


class PriceTableViewSet(
    PortalAPIMixin,
    ByIdMixin[PriceTable],
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[PriceTable],
):
    """Price tables, latest date first. Everybody may read them. Platform admins create them."""

    queryset = PriceTable.objects.with_rates()
    serializer_class = PriceTableSerializer
    filter_backends = BACKENDS
    filterset_class = PriceTableFilter
    ordering_fields = ["valid_from"]
    ordering = ("-valid_from", "-pk")

    @extend_schema(request=NewPriceTable, responses={201: PriceTableSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Create a price table. Tables are immutable: to correct one, create another with the same date."""
        prices = parse(NewPriceTable, request.data)
        table = services.create_price_table(prices=prices, actor=user_of(request))
        body = self.get_serializer(self.get_queryset().get(pk=table.pk)).data
        return Response(body, status.HTTP_201_CREATED, headers={"Location": body["url"]})
