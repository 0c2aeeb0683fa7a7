"""Pages of teams: members, roles and budgets."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.budgets import SET_BUDGET, set_budget
from accounts.teams.forms import BudgetForm, NewMemberForm, RoleForm
from accounts.teams.members import add_member, change_role, remove_member
from accounts.teams.models import Membership, Team
from accounts.teams.permissions import can, require_platform_admin
from accounts.teams.roles import ALLOWED, Action, Role
from web.errors import Invalid


@login_required
@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    visible = Team.objects.visible_to(signed_in(request)).prefetch_related("memberships__user")
    return render(request, "accounts/teams.html", {"teams": visible})


def _team_page(
    request: HttpRequest, team: Team, form: NewMemberForm, status: int = 200, budget_form: BudgetForm | None = None
) -> HttpResponse:
    budget = {"monthly_budget": team.monthly_budget, "budget_currency": team.budget_currency}
    context = {
        "team": team,
        "memberships": team.memberships.select_related("user").order_by("user__username"),
        "may_manage": can(request.user, Action.MANAGE, team),
        "form": form,
        "budget_form": (budget_form or BudgetForm(initial=budget)) if signed_in(request).is_platform_admin else None,
        "roles": Role,
        "allowed": [(role.label, [action.label for action in Action if action in ALLOWED[role]]) for role in Role],
    }
    return render(request, "accounts/team.html", context, status=status)


def _visible_team(request: HttpRequest, slug: str) -> Team:
    return get_object_or_404(Team.objects.visible_to(request.user), slug=slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def team(request: HttpRequest, slug: str) -> HttpResponse:
    """A team and its members. POST adds a member."""
    found = _visible_team(request, slug)
    if request.method != "POST":
        return _team_page(request, found, NewMemberForm())
    form = NewMemberForm(request.POST)
    if not form.is_valid():
        return _team_page(request, found, form, status=400)
    try:
        member = add_member(actor=signed_in(request), team=found, **form.cleaned_data)
    except Invalid as invalid:
        form.show(invalid)
        return _team_page(request, found, form, status=400)
    messages.success(request, f"{member.user.display_name} is now a member.")
    return redirect("accounts:team", slug=slug)


@login_required
@require_POST
def budget(request: HttpRequest, slug: str) -> HttpResponse:
    """Set the team's monthly budget."""
    found = _visible_team(request, slug)
    form = BudgetForm(request.POST)
    require_platform_admin(signed_in(request), SET_BUDGET)
    if form.is_valid():
        try:
            set_budget(actor=signed_in(request), team=found, **form.cleaned_data)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, f"Updated the budget of {found}.")
            return redirect("accounts:team", slug=slug)
    return _team_page(request, found, NewMemberForm(), 400, form)


def _membership(request: HttpRequest, slug: str, pk: int) -> Membership:
    found = _visible_team(request, slug)
    return get_object_or_404(found.memberships.select_related("team", "user"), pk=pk)


@login_required
@require_POST
def role(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    membership = _membership(request, slug, pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
        return redirect("accounts:team", slug=slug)
    try:
        changed = change_role(actor=signed_in(request), membership=membership, role=form.cleaned_data["role"])
    except Invalid as invalid:
        messages.error(request, invalid.text)
    else:
        messages.success(request, f"{changed.user.display_name} is now {changed.get_role_display()}.")
    return redirect("accounts:team", slug=slug)


@login_required
@require_POST
def remove(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    membership = _membership(request, slug, pk)
    try:
        remove_member(actor=signed_in(request), membership=membership)
    except Invalid as invalid:
        messages.error(request, invalid.text)
        return redirect("accounts:team", slug=slug)
    if membership.user == request.user:
        messages.success(request, f"You have left {membership.team}.")
        return redirect("accounts:teams")
    messages.success(request, f"{membership.user.display_name} is no longer a member.")
    return redirect("accounts:team", slug=slug)
