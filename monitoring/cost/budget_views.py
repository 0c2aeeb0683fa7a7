"""The page of budgets, with the form that sets one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.people.permissions import signed_in
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from monitoring.cost.budgets import budget_lines, set_budget
from monitoring.cost.forms import BudgetForm
from web.errors import Invalid


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def budgets(request: HttpRequest) -> HttpResponse:
    """The budgets of the user's teams. POST sets one."""
    user = signed_in(request)
    if request.method != "POST":
        return _page(request, BudgetForm(user=user))
    if not teams_where(user, Action.MANAGE).exists():
        raise PermissionDenied("Only a team admin or a platform admin can set budgets.")
    form = BudgetForm(request.POST, user=user)
    if form.is_valid():
        try:
            set_budget(actor=user, **form.cleaned_data)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, f"Budget of {form.cleaned_data['team']} saved.")
            return redirect("monitoring:budgets")
    return _page(request, form, 422)


def _page(request: HttpRequest, form: BudgetForm, status: int = 200) -> HttpResponse:
    user = signed_in(request)
    context = {
        "form": form,
        "lines": budget_lines(user, timezone.now()),
        "may_set": teams_where(user, Action.MANAGE).exists(),
    }
    return render(request, "monitoring/budgets.html", context, status=status)
