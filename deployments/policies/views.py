"""Pages of environments and policies, and editing policies."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import require_platform_admin
from catalog.models import Environment
from deployments.policies import services
from deployments.policies.forms import NewPolicyForm, PolicyForm
from deployments.policies.models import Policy
from deployments.policies.presenters import LevelBadge, parameter_words, policy_row, rule_groups
from deployments.policies.rules import RULES, default_parameters
from web.errors import Invalid, Refused


@login_required
@require_safe
def policies(request: HttpRequest) -> HttpResponse:
    """All environments and policies. Everybody may read them."""
    context = {
        "environments": Environment.objects.select_related("workspace"),
        "groups": rule_groups(Policy.objects.all()),
        "may_edit": signed_in(request).is_platform_admin,
    }
    return render(request, "deployments/policies.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: HttpRequest, policy_id: int) -> HttpResponse:
    """One policy with its history. POST creates a new version."""
    found = get_object_or_404(Policy, pk=policy_id, rule__in=RULES)
    if request.method != "POST":
        initial = {"version": found.version, "level": found.level, **found.parameters}
        return _policy_page(request, found, PolicyForm(rule=RULES[found.rule], initial=initial))
    require_platform_admin(signed_in(request), services.EDIT_POLICIES)
    form = PolicyForm(request.POST, rule=RULES[found.rule])
    if not form.is_valid():
        return _policy_page(request, found, form, 422)
    try:
        services.edit_policy(
            policy=found,
            version=form.cleaned_data["version"],
            level=form.cleaned_data["level"],
            parameters=form.parameters,
            reason=form.cleaned_data["reason"],
            actor=signed_in(request),
        )
    except Invalid as invalid:
        form.show(invalid)
        return _policy_page(request, found, form, 422)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Saved as a new version. It applies from now on.")
    return redirect("deployments:policy", found.pk)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_new(request: HttpRequest, rule: str) -> HttpResponse:
    """Create a policy of this rule for a place that has none."""
    require_platform_admin(signed_in(request), services.EDIT_POLICIES)
    if rule not in RULES:
        raise Http404
    found = RULES[rule]
    if request.method != "POST":
        form = NewPolicyForm(rule=found, initial={"level": "advisory", **default_parameters(found)})
        return render(request, "deployments/policy_new.html", {"rule": found, "form": form})
    form = NewPolicyForm(request.POST, rule=found)
    if form.is_valid():
        try:
            made = _create(request, rule, form)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, f"{found.title} has a new policy.")
            return redirect("deployments:policy", made.pk)
    return render(request, "deployments/policy_new.html", {"rule": found, "form": form}, status=422)


def _create(request: HttpRequest, rule: str, form: NewPolicyForm) -> Policy:
    return services.create_policy(
        rule=rule,
        place=form.place,
        level=form.cleaned_data["level"],
        parameters=form.parameters,
        reason=form.cleaned_data["reason"],
        actor=signed_in(request),
    )


def _policy_page(request: HttpRequest, found: Policy, form: PolicyForm, status: int = 200) -> HttpResponse:
    versions = found.versions.select_related("created_by")
    context: dict[str, Any] = {
        "policy": found,
        "rule": RULES[found.rule],
        "row": policy_row(found),
        "form": form,
        "history": [(row, LevelBadge.of(row.level), parameter_words(found.rule, row.parameters)) for row in versions],
        "may_edit": signed_in(request).is_platform_admin,
    }
    return render(request, "deployments/policy.html", context, status=status)
