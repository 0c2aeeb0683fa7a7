"""API of costs and budgets. Amounts are text with two decimal places, to be exact. null is unknown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters.utils import translate_validation
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Team
from accounts.people.permissions import user_of
from catalog.models import Environment
from deployments.deployment.permissions import DEPLOYMENT_ID, deployment_or_404
from deployments.models import Deployment
from monitoring.cost import costing
from monitoring.cost import presenters as present
from monitoring.cost.budgets import budget_lines, set_budget
from monitoring.cost.choice import Chosen, chosen
from monitoring.cost.costing import CostChoice, Ledger
from monitoring.cost.filters import CostFilter
from monitoring.cost.models import BillingSource
from monitoring.cost.requests import requests_of
from web.api import PortalAPIMixin

PARAMETERS = [
    OpenApiParameter("q", str, description="Words in the name, the model or the team."),
    OpenApiParameter("team", str, description="Slug of a team."),
    OpenApiParameter("environment", str, description="Slug of an environment."),
    OpenApiParameter("month", str, description="YYYY-MM, in UTC. The current month by default."),
    OpenApiParameter("currency", str, description="The one with the most costs by default."),
    OpenApiParameter(
        "group", str, enum=["", "team", "model", "environment", "kind"], description="How to group `days`."
    ),
    OpenApiParameter(
        "ordering", str, description="cost, name, change, requests, per_thousand or idle_share. - descends."
    ),
]


class MoneyField(serializers.DecimalField):
    def __init__(self, **more: Any) -> None:
        super().__init__(max_digits=20, decimal_places=2, **more)


class CostRowSerializer(serializers.Serializer[present.CostRow]):
    deployment = serializers.IntegerField(source="deployment.pk", read_only=True)
    name = serializers.CharField(read_only=True)
    team = serializers.CharField(source="deployment.team.slug", read_only=True)
    environment = serializers.CharField(source="deployment.environment.slug", read_only=True)
    model = serializers.CharField(source="deployment.model.full_name", read_only=True)
    size = serializers.CharField(read_only=True)
    cost = MoneyField(read_only=True)
    same_days_before = MoneyField(source="before", read_only=True)
    change_percent = MoneyField(source="change", read_only=True, allow_null=True)
    forecast = MoneyField(read_only=True, allow_null=True)
    requests = serializers.IntegerField(read_only=True, allow_null=True)
    per_1000_predictions = MoneyField(source="per_thousand", read_only=True, allow_null=True)
    idle_share = MoneyField(read_only=True, allow_null=True)


class DayGroupSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(read_only=True)
    costs = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="One amount for each of `days`."
    )


class UnpricedSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField(read_only=True)
    unit = serializers.CharField(read_only=True)
    quantity = serializers.CharField(read_only=True)


class SourceSerializer(serializers.Serializer[Any]):
    workspace = serializers.CharField(source="workspace.name", read_only=True)
    read_at = serializers.DateTimeField(read_only=True, allow_null=True)
    newest_usage = serializers.DateField(read_only=True, allow_null=True)
    error = serializers.CharField(read_only=True)


class UnattributedSerializer(serializers.Serializer[Any]):
    workspace = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    endpoint_id = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    cost = MoneyField(read_only=True)


class CostSerializer(serializers.Serializer[Any]):
    month = serializers.CharField(read_only=True)
    currency = serializers.CharField(read_only=True)
    currencies = serializers.ListField(child=serializers.CharField(), read_only=True)
    month_to_date = MoneyField(read_only=True, allow_null=True)
    same_days_before = MoneyField(read_only=True, allow_null=True)
    forecast = MoneyField(read_only=True, allow_null=True)
    billed_until = serializers.DateField(read_only=True, allow_null=True)
    days = serializers.ListField(child=serializers.DateField(), read_only=True)
    groups = DayGroupSerializer(many=True, read_only=True)
    deployments = CostRowSerializer(many=True, read_only=True)
    price_missing = UnpricedSerializer(many=True, read_only=True)
    unattributed = UnattributedSerializer(many=True, read_only=True, help_text="Empty unless you are a platform admin.")
    sources = SourceSerializer(many=True, read_only=True)


# drf-spectacular takes a method named ``list`` for one that returns an array.
ONE_COST = forced_singular_serializer(CostSerializer)  # type: ignore[no-untyped-call]  # ships no types


class CostViewSet(PortalAPIMixin, viewsets.GenericViewSet[Deployment]):
    """Costs of your teams' deployments, from the billing tables of the workspaces, at list prices."""

    queryset = Deployment.objects.none()
    serializer_class = CostSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(operation_id="cost_retrieve", parameters=PARAMETERS, responses=ONE_COST)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One month: total, forecast, costs per day, and every deployment with costs."""
        user = user_of(request)
        asked = CostFilter(request.query_params, queryset=Deployment.objects.visible_to(user), request=request)
        if not asked.is_valid():
            raise translate_validation(asked.errors)
        found = chosen(user, asked.qs, asked.choice, timezone.now())
        visible, period = costing.costs_of(user), found.ledger.period
        is_admin = user.is_platform_admin
        sources = costing.sources(user)
        body = {
            **_month(found, sources),
            "price_missing": costing.unpriced(visible, period),
            "unattributed": costing.unattributed(visible, period, found.ledger.currency) if is_admin else [],
            "sources": sources,
        }
        return Response(CostSerializer(body).data)


class DeploymentCostViewSet(PortalAPIMixin, viewsets.GenericViewSet[Deployment]):
    """Costs of one deployment."""

    queryset = Deployment.objects.none()
    serializer_class = CostSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(
        operation_id="deployments_cost_retrieve",
        parameters=[DEPLOYMENT_ID, *PARAMETERS[3:6]],
        responses=ONE_COST,
    )
    def list(self, request: Request, deployment_id: str, *args: Any, **kwargs: Any) -> Response:
        """One month of the deployment, grouped by kind by default."""
        user, deployment = user_of(request), deployment_or_404(request, deployment_id)
        asked = CostFilter(request.query_params, queryset=Deployment.objects.visible_to(user), request=request)
        if not asked.is_valid():
            raise translate_validation(asked.errors)
        visible = costing.costs_of(user).filter(deployment=deployment)
        ledger = costing.load(visible, timezone.now(), asked.choice.month, asked.choice.currency)
        sources = costing.sources(user, deployment.workspace_id)
        body = {
            **_month(_of_one(ledger, deployment, asked.choice), sources),
            "price_missing": costing.unpriced(visible, ledger.period),
            "unattributed": [],
            "sources": sources,
        }
        return Response(CostSerializer(body).data)


def _of_one(ledger: Ledger, deployment: Deployment, choice: CostChoice) -> Chosen:
    group = choice.group or "kind"
    shown = present.bars(ledger.of_month, ledger.period, {deployment.pk: deployment}, group, ledger.currency)
    rows = present.cost_rows(ledger, [deployment], requests_of([deployment.pk], ledger.period))
    return Chosen(ledger, rows, shown)


def _month(found: Chosen, sources: list[BillingSource]) -> dict[str, Any]:
    ledger, totals = found.ledger, present.totals(found.ledger, sources)
    return {
        "month": f"{ledger.period.first:%Y-%m}",
        "currency": ledger.currency,
        "currencies": ledger.currencies,
        "month_to_date": totals.spent,
        "same_days_before": totals.before,
        "forecast": totals.forecast,
        "billed_until": ledger.period.newest,
        "days": found.bars.days,
        "groups": [{"name": name, "costs": [str(value) for value in values]} for name, values in found.bars.groups],
        "deployments": found.rows,
    }


# -- budgets ----------------------------------------------------------------------------------------


class BudgetSerializer(serializers.Serializer[Any]):
    team = serializers.CharField(source="team.slug", read_only=True)
    environment = serializers.CharField(
        source="environment.slug",
        read_only=True,
        allow_null=True,
        default=None,
        help_text="null for the budget of all environments.",
    )
    monthly_amount = MoneyField(source="amount", read_only=True)
    currency = serializers.CharField(read_only=True)
    spent = MoneyField(read_only=True, allow_null=True, help_text="In the current month, in UTC.")
    forecast = MoneyField(read_only=True, allow_null=True)
    percent = MoneyField(read_only=True, allow_null=True)
    standing = serializers.CharField(read_only=True)


class _Slug(serializers.SlugRelatedField[Any]):
    default_error_messages = {"does_not_exist": "There is no {slug_name} {value}."}


class NewBudgetSerializer(serializers.Serializer[Any]):
    """``environment`` null is the budget of all environments, set by platform admins.

    ``monthly_amount`` null removes the budget.
    """

    team = _Slug(slug_field="slug", queryset=Team.objects.none())
    environment = _Slug(slug_field="slug", queryset=Environment.objects.all(), allow_null=True)
    monthly_amount = serializers.DecimalField(max_digits=12, decimal_places=2, min_value=Decimal(0), allow_null=True)
    currency = serializers.RegexField(r"^[A-Za-z]{3}$", default="USD", help_text="ISO 4217 code.")

    def __init__(self, *args: Any, teams: QuerySet[Team] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = Team.objects.none() if teams is None else teams  # type: ignore[attr-defined]


class BudgetViewSet(PortalAPIMixin, viewsets.GenericViewSet[Team]):
    """Monthly budgets of your teams, and what is spent."""

    queryset = Team.objects.none()
    serializer_class = BudgetSerializer
    filter_backends = []
    pagination_class = None

    @extend_schema(responses=BudgetSerializer(many=True))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The budgets of your teams, the one for all environments first."""
        return Response(BudgetSerializer(budget_lines(user_of(request), timezone.now()), many=True).data)

    @extend_schema(request=NewBudgetSerializer, responses={200: BudgetSerializer(many=True)})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Set or remove a budget and return the team's budgets.

        Team admins set the budget of an environment, platform admins that of all environments.
        """
        user = user_of(request)
        asked = NewBudgetSerializer(data=request.data, teams=Team.objects.visible_to(user))
        asked.is_valid(raise_exception=True)
        set_budget(actor=user, **asked.validated_data)
        lines = [line for line in budget_lines(user, timezone.now()) if line.team == asked.validated_data["team"]]
        return Response(BudgetSerializer(lines, many=True).data)
