"""Pages of price tables: the current one, the history, and the form for a new one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import require_platform_admin
from deployments.pricing import presenters as present
from deployments.pricing.forms import PriceTableForm
from deployments.pricing.models import PriceTable
from deployments.pricing.quoting import prices_today
from deployments.pricing.services import SET_PRICES, create_price_table

MAX_HISTORY = 100


@login_required
@require_safe
def prices(request: HttpRequest) -> HttpResponse:
    """The table in force today, else the newest one."""
    return _table_page(request, prices_today() or PriceTable.objects.with_rates().first())


@login_required
@require_safe
def price_table(request: HttpRequest, table_id: int) -> HttpResponse:
    """One price table of the history."""
    return _table_page(request, get_object_or_404(PriceTable.objects.with_rates(), pk=table_id))


def _table_page(request: HttpRequest, shown: PriceTable | None) -> HttpResponse:
    in_force = prices_today()
    context = {
        "table": shown,
        "rates": present.rate_rows(shown) if shown else [],
        "history": present.history(PriceTable.objects.select_related("created_by")[:MAX_HISTORY], in_force),
        "in_force": in_force,
        "may_edit": signed_in(request).is_platform_admin,
    }
    return render(request, "deployments/prices.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def prices_new(request: HttpRequest) -> HttpResponse:
    """Create a table. The form starts with a copy of the newest one."""
    user = signed_in(request)
    require_platform_admin(user, SET_PRICES)
    newest = PriceTable.objects.with_rates().first()
    initial = {**PriceTableForm.initial_of(newest), "valid_from": timezone.localdate().isoformat()}
    form = PriceTableForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and form.prices:
        made = create_price_table(prices=form.prices, actor=user)
        messages.success(request, f"{made.name} is in force from {made.valid_from}.")
        return redirect("deployments:price_table", made.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "deployments/prices_new.html", {"form": form, "newest": newest}, status=status)
