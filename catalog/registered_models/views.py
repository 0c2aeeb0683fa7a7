"""Pages of the catalog: the list of models and the page of a model."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can
from accounts.teams.roles import Action
from catalog.registered_models.filters import ModelListFilter
from catalog.registered_models.models import ModelVersion, RegisteredModel, RegisteredModelQuerySet, Risk
from catalog.registered_models.presenters import COMPARED_VERSIONS, compared_metrics, signature_columns, status_tone
from catalog.registered_models.services import set_risk
from catalog.workspaces.models import Environment
from catalog.workspaces.presenters import synced_workspaces

PAGE_SIZE = 25

MAX_VERSION_DIGITS = 9


def _visible(request: HttpRequest) -> RegisteredModelQuerySet:
    return RegisteredModel.objects.present().visible_to(signed_in(request))


def _optional_url(name: str, *args: str) -> str:
    """The URL of a page in an app above this one; "" if that app is not installed."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""


@login_required
@require_safe
def models(request: HttpRequest) -> HttpResponse:
    """The list of models. The URL carries search, filters, order and page."""
    visible = _visible(request)
    chosen = ModelListFilter(request.GET, queryset=visible.for_list(), request=request)
    valid = chosen.is_valid()
    rows = chosen.qs if valid else visible.none()
    context = {
        "filter_form": chosen.form,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "counts": visible.aggregate(models=Count("pk"), teams=Count("team", distinct=True)),
        "has_environments": Environment.objects.exists(),
        **synced_workspaces(),
    }
    return render(request, "catalog/models.html", context, status=200 if valid else 400)


@login_required
@require_safe
def model(request: HttpRequest, full_name: str) -> HttpResponse:
    """A model and the details of one version: ``?version=``, or the newest by default."""
    found = _visible(request).select_related("team", "workspace").filter(full_name=full_name.lower())
    shown = found.order_by("pk").first()
    if shown is None:
        raise Http404
    versions = list(shown.versions.filter(removed_at=None).defer("signature", "input_example", "params"))
    version = _chosen_version(shown, versions, request.GET.get("version", ""))
    context = {
        "model": shown,
        "versions": [(row, status_tone(row)) for row in versions],
        "version": version,
        "columns": signature_columns(version.signature) if version else [],
        "compared": versions[:COMPARED_VERSIONS],
        "metrics": compared_metrics(versions[:COMPARED_VERSIONS]),
        "deploy_url": _deploy_url(request, shown, version),
        "deployments_url": _optional_url("deployments:of_model", shown.full_name),
        "may_deploy": can(request.user, Action.DEPLOY, shown.team),
        "risks": Risk.choices if can(request.user, Action.MANAGE, shown.team) else [],
    }
    return render(request, "catalog/model.html", context)


@login_required
@require_POST
def risk(request: HttpRequest, full_name: str) -> HttpResponse:
    """Set the risk tier of the model."""
    found = _visible(request).select_related("team").filter(full_name=full_name.lower()).order_by("pk").first()
    if found is None:
        raise Http404
    try:
        set_risk(actor=signed_in(request), model=found, risk=request.POST.get("risk", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"Set the risk of {found.name} to {found.get_risk_display().lower()}.")
    return redirect("catalog:model", found.full_name)


def _chosen_version(shown: RegisteredModel, versions: list[ModelVersion], wanted: str) -> ModelVersion | None:
    """The version ``wanted``, or the newest if it is empty. Raises Http404 if the model has no such version."""
    if not wanted:
        return shown.versions.filter(pk=versions[0].pk).first() if versions else None
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= MAX_VERSION_DIGITS):
        raise Http404
    version = shown.versions.filter(removed_at=None, version=int(wanted)).first()
    if version is None:
        raise Http404
    return version


def _deploy_url(request: HttpRequest, shown: RegisteredModel, version: ModelVersion | None) -> str:
    """The URL that starts the wizard with this version; "" if the user may not deploy it."""
    start = _optional_url("deployments:wizard_start")
    if not start or version is None or not can(request.user, Action.DEPLOY, shown.team):
        return ""
    return f"{start}?{urlencode({'model': shown.full_name, 'version': str(version.version)})}"
