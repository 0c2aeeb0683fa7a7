"""API of the fleet: the rows of its page."""

from __future__ import annotations

from django.utils import timezone
from rest_framework import mixins, serializers, viewsets

from accounts.people.permissions import user_of
from deployments.deployment.models import DeploymentQuerySet
from deployments.models import Deployment
from monitoring.fleet.filters import FleetAPIFilter
from monitoring.fleet.listing import Lens, fleet, with_shown
from monitoring.fleet.presenters import iso, newest_run, week_of
from monitoring.fleet.standing import cost_now, drift_now, health_reason, quality_now, watch_of
from monitoring.watched.states import Standing
from web.api import BACKENDS, PortalAPIMixin


class FleetSerializer(serializers.Serializer[Deployment]):
    """null is unknown. All standings of a deployment without metrics are unknown."""

    deployment = serializers.IntegerField(source="pk", read_only=True)
    name = serializers.CharField(read_only=True)
    model = serializers.CharField(source="model.full_name", read_only=True)
    owner = serializers.CharField(source="model.owner", read_only=True)
    risk = serializers.CharField(source="model.risk", read_only=True)
    environment = serializers.CharField(source="environment.slug", read_only=True)
    team = serializers.CharField(source="team.slug", read_only=True)
    live_version = serializers.CharField(read_only=True)
    status = serializers.CharField(source="lens_status", read_only=True, help_text="Status through the chosen lens.")
    health = serializers.ChoiceField(Standing.choices, source="health_now", read_only=True)
    health_reason = serializers.SerializerMethodField()
    drift = serializers.SerializerMethodField()
    drift_reason = serializers.SerializerMethodField()
    quality = serializers.SerializerMethodField(help_text="Standing by the limit of the team.")
    quality_reason = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField(help_text="Standing by the budgets of the team.")
    cost_reason = serializers.SerializerMethodField()
    requests_24h = serializers.SerializerMethodField()
    errors_24h = serializers.SerializerMethodField()
    p99_ms = serializers.SerializerMethodField()
    week = serializers.SerializerMethodField(help_text="Requests of the last seven UTC days, oldest first.")
    last_request_at = serializers.SerializerMethodField()
    newest_run = serializers.SerializerMethodField()
    newest_run_status = serializers.SerializerMethodField()

    def get_health_reason(self, row: Deployment) -> str:
        return health_reason(row)

    def get_drift(self, row: Deployment) -> str:
        return drift_now(row, timezone.now())[0].value

    def get_drift_reason(self, row: Deployment) -> str:
        return drift_now(row, timezone.now())[1]

    def get_quality(self, row: Deployment) -> str:
        return quality_now(row, timezone.now())[0].value

    def get_quality_reason(self, row: Deployment) -> str:
        return quality_now(row, timezone.now())[1]

    def get_cost(self, row: Deployment) -> str:
        return cost_now(row, timezone.now())[0].value

    def get_cost_reason(self, row: Deployment) -> str:
        return cost_now(row, timezone.now())[1]

    def get_requests_24h(self, row: Deployment) -> float | None:
        return watch_of(row).requests_24h

    def get_errors_24h(self, row: Deployment) -> float | None:
        return watch_of(row).errors_24h

    def get_p99_ms(self, row: Deployment) -> float | None:
        return watch_of(row).p99_ms

    def get_week(self, row: Deployment) -> list[float | None]:
        return week_of(row, timezone.now())

    def get_last_request_at(self, row: Deployment) -> str | None:
        return iso(watch_of(row).last_request_at)

    def get_newest_run(self, row: Deployment) -> int | None:
        run = newest_run(row)
        return run.pk if run else None

    def get_newest_run_status(self, row: Deployment) -> str | None:
        run = newest_run(row)
        return run.status if run else None


class FleetViewSet(PortalAPIMixin, mixins.ListModelMixin, viewsets.GenericViewSet[Deployment]):
    """Live deployments of your teams with their standings, as on the page Fleet."""

    queryset = Deployment.objects.none()
    serializer_class = FleetSerializer
    filter_backends = BACKENDS
    filterset_class = FleetAPIFilter
    ordering_fields = ["name", "created_at"]
    ordering = "name"

    def get_queryset(self) -> DeploymentQuerySet:
        return with_shown(fleet(user_of(self.request), timezone.now()), Lens)
