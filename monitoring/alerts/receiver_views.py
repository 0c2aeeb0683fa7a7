"""Receivers of the user's teams, their routes, and what was delivered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from monitoring.alerts.forms import ReceiverForm, RouteForm
from monitoring.alerts.models import AlertRoute, Delivery, Receiver
from monitoring.alerts.receivers import (
    create_alert_route,
    create_receiver,
    delete_alert_route,
    delete_receiver,
    request_receiver_test,
)
from web.errors import Invalid

SHOWN = 5


def _visible(request: HttpRequest) -> QuerySet[Receiver]:
    latest = Prefetch("deliveries", Delivery.objects.select_related("event").order_by("-pk")[:SHOWN], to_attr="latest")
    routes = Prefetch("routes", AlertRoute.objects.select_related("environment").order_by("pk"))
    rows: QuerySet[Receiver] = Receiver.objects.visible_to(signed_in(request))
    return rows.select_related("team").prefetch_related(latest, routes)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def receivers(request: HttpRequest) -> HttpResponse:
    """Receivers of the user's teams. POST creates one."""
    user = signed_in(request)
    if request.method != "POST":
        return _page(request, ReceiverForm(user=user), RouteForm(user=user))
    _require_manager(request)
    form = ReceiverForm(request.POST, user=user)
    if form.is_valid():
        try:
            receiver = create_receiver(actor=user, **form.cleaned_data)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, f"{receiver} gets alerts of severity warning and above. Send a test message now.")
            return redirect("monitoring:receivers")
    return _page(request, form, RouteForm(user=user), 422)


@login_required
@require_POST
def routes(request: HttpRequest) -> HttpResponse:
    """POST creates a route."""
    user = signed_in(request)
    _require_manager(request)
    form = RouteForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, ReceiverForm(user=user), form, 422)
    create_alert_route(actor=user, **form.cleaned_data)
    messages.success(request, f"Route to {form.cleaned_data['receiver']} added.")
    return redirect("monitoring:receivers")


@login_required
@require_POST
def route_delete(request: HttpRequest, route_id: int) -> HttpResponse:
    rows = AlertRoute.objects.visible_to(signed_in(request)).select_related("team", "receiver")
    delete_alert_route(route=get_object_or_404(rows, pk=route_id), actor=signed_in(request))
    messages.success(request, "Route deleted.")
    return redirect("monitoring:receivers")


@login_required
@require_POST
def receiver_test(request: HttpRequest, receiver_id: int) -> HttpResponse:
    """Send a test message. Its result appears beside the receiver."""
    receiver = get_object_or_404(_visible(request), pk=receiver_id)
    request_receiver_test(receiver=receiver, actor=signed_in(request))
    return redirect(f"{reverse('monitoring:receivers')}#receiver-{receiver.pk}")


@login_required
@require_safe
def receiver_deliveries(request: HttpRequest, receiver_id: int) -> HttpResponse:
    """Recent deliveries. The fragment polls while one is pending."""
    receiver = get_object_or_404(_visible(request), pk=receiver_id)
    return render(request, "monitoring/_alert_deliveries.html", {"receiver": receiver})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def receiver_delete(request: HttpRequest, receiver_id: int) -> HttpResponse:
    user = signed_in(request)
    receiver = get_object_or_404(_visible(request), pk=receiver_id)
    if not can(user, Action.MANAGE, receiver.team):
        raise PermissionDenied(f"Only a team admin of {receiver.team} can change its receivers.")
    if request.method != "POST":
        return render(request, "ui/confirm.html", _question(receiver))
    delete_receiver(receiver=receiver, actor=user)
    messages.success(request, f"Receiver {receiver} deleted.")
    return redirect("monitoring:receivers")


def _question(receiver: Receiver) -> dict[str, Any]:
    return {
        "id": "receiver-delete-dialog",
        "url": reverse("monitoring:receiver_delete", args=[receiver.pk]),
        "cancel_url": reverse("monitoring:receivers"),
        "title": f"Delete {receiver}?",
        "text": "Its routes and its delivery history are deleted too.",
        "confirm_label": "Delete receiver",
        "cancel_label": "Cancel",
    }


def _require_manager(request: HttpRequest) -> None:
    if not teams_where(signed_in(request), Action.MANAGE).exists():
        raise PermissionDenied("Only a team admin or a platform admin can change receivers.")


def _page(request: HttpRequest, form: ReceiverForm, route_form: RouteForm, status: int = 200) -> HttpResponse:
    managed = set(teams_where(signed_in(request), Action.MANAGE).values_list("pk", flat=True))
    context = {
        "rows": [(receiver, receiver.team_id in managed) for receiver in _visible(request)],
        "form": form,
        "route_form": route_form,
        "may_manage": bool(managed),
    }
    return render(request, "monitoring/receivers.html", context, status=status)
