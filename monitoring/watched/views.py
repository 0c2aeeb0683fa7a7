"""What every tab of a model needs: the model, the chosen deployment, and the time range."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.utils import timezone

from accounts.people.permissions import signed_in
from catalog.models import RegisteredModel
from deployments.models import Deployment
from web.ranges import DEFAULT_RANGE, RangeInvalid, TimeRange, parse_range


@dataclass(frozen=True)
class Subject:
    model: RegisteredModel
    #: The live deployments that the user can see.
    deployments: list[Deployment]
    #: The chosen one of them, or None if there are none.
    deployment: Deployment | None
    range: TimeRange


def subject_of(request: HttpRequest, full_name: str, default_range: str = DEFAULT_RANGE) -> Subject:
    """``?deployment=`` or, by default, the deployment in the last environment. Raises Http404. Two queries."""
    user = signed_in(request)
    models = RegisteredModel.objects.visible_to(user).select_related("team", "workspace")
    model = models.filter(full_name=full_name.lower()).order_by("pk").first()
    if model is None:
        raise Http404
    rows = Deployment.objects.visible_to(user).live().select_related("environment", "team", "model", "workspace")
    # A model has one registered name in the catalog of each environment.
    same = rows.filter(model__schema_name=model.schema_name, model__name=model.name, team=model.team_id)
    deployments = list(same.order_by("-environment__position", "name"))
    return Subject(model, deployments, _chosen(request, deployments), range_of(request, default_range))


def range_of(request: HttpRequest, default: str = DEFAULT_RANGE) -> TimeRange:
    """A range that cannot be read is told, and the usual one shown."""
    given = request.GET
    now = timezone.now()
    try:
        return parse_range(given.get("range", ""), given.get("from", ""), given.get("to", ""), now, default)
    except RangeInvalid as invalid:
        messages.error(request, str(invalid))
        return parse_range(default, "", "", now)


def _chosen(request: HttpRequest, deployments: list[Deployment]) -> Deployment | None:
    wanted = request.GET.get("deployment", "")
    if not wanted:
        return deployments[0] if deployments else None
    found = [row for row in deployments if str(row.pk) == wanted]
    if not found:
        raise Http404
    return found[0]
