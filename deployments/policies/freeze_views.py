"""Pages of freezes: the list with the form for a new one, and lifting one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from accounts.teams.permissions import require_platform_admin
from deployments.policies import freezes as policies_freezes
from deployments.policies.forms import FreezeForm
from deployments.policies.models import Freeze
from deployments.policies.questions import lift_question
from web.errors import Invalid, Refused

PAGE_SIZE = 25


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def freezes(request: HttpRequest) -> HttpResponse:
    """Freezes that apply to the user. POST creates one."""
    if request.method != "POST":
        return _page(request, FreezeForm())
    require_platform_admin(signed_in(request), policies_freezes.FREEZE)
    form = FreezeForm(request.POST)
    if form.is_valid():
        try:
            policies_freezes.create_freeze(actor=signed_in(request), **form.cleaned_data)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, "Frozen: runs still plan, but do not start to apply.")
            return redirect("deployments:freezes")
    return _page(request, form, 422)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def freeze_lift(request: HttpRequest, freeze_id: int) -> HttpResponse:
    rows = Freeze.objects.visible_to(signed_in(request)).select_related("environment", "team")
    freeze = get_object_or_404(rows, pk=freeze_id)
    require_platform_admin(signed_in(request), policies_freezes.FREEZE)
    if request.method != "POST":
        return render(request, "ui/confirm.html", lift_question(freeze))
    try:
        policies_freezes.lift_freeze(freeze=freeze, actor=signed_in(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Lifted: waiting runs continue.")
    return redirect("deployments:freezes")


def _page(request: HttpRequest, form: FreezeForm, status: int = 200) -> HttpResponse:
    user = signed_in(request)
    rows = Freeze.objects.visible_to(user).select_related("environment", "team", "created_by", "lifted_by")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [(freeze, lift_question(freeze) if freeze.is_active else None) for freeze in page],
        "may_freeze": user.is_platform_admin,
    }
    return render(request, "deployments/freezes.html", context, status=status)
