"""The alert inbox, an alert with its history, and the alert rules of a deployment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.people.permissions import signed_in
from accounts.teams.permissions import can, teams_where
from accounts.teams.roles import Action
from deployments.models import Deployment
from monitoring.alerts.filters import InboxFilter
from monitoring.alerts.forms import CHOICES, AlertActionForm, RuleForm
from monitoring.alerts.models import Alert, AlertEvent, AlertQuerySet, Delivery
from monitoring.alerts.rules import Rule, rules_of
from monitoring.alerts.services import acknowledge_alert, resolve_alert, set_alert_rule, snooze_alert
from monitoring.alerts.states import AlertSubject
from web.errors import Invalid, Refused

PAGE_SIZE = 25
SNOOZES = {"snooze_1h": timedelta(hours=1), "snooze_1d": timedelta(days=1)}


def _visible(user: User) -> AlertQuerySet:
    rows = Alert.objects.visible_to(user)
    return rows.select_related("deployment__team", "deployment__environment", "deployment__model", "handled_by")


@login_required
@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """Alerts of the user's teams; unresolved ones by default. Filters are in the URL."""
    user = signed_in(request)
    rows = _visible(user) if request.GET.get("state") else _visible(user).ongoing()
    chosen = InboxFilter(request.GET, queryset=rows.order_by("-pk"), request=request)
    valid = chosen.is_valid()
    page = Paginator(chosen.qs if valid else Alert.objects.none(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter_form": chosen.form,
        "page": page,
        "may_act": teams_where(user, Action.DEPLOY).exists(),
        "actions": CHOICES,
        "query": request.GET.urlencode(),
    }
    return render(request, "monitoring/alerts.html", context, status=200 if valid else 400)


@login_required
@require_safe
def alert(request: HttpRequest, alert_id: int) -> HttpResponse:
    """The reason, the history of events, and who was notified."""
    user = signed_in(request)
    found = get_object_or_404(_visible(user), pk=alert_id)
    sent = Prefetch("deliveries", Delivery.objects.select_related("receiver").order_by("pk"))
    context = {
        "alert": found,
        "crumb": f"Alert #{found.pk}",
        "events": AlertEvent.objects.filter(alert=found).select_related("actor").prefetch_related(sent),
        "evidence": [(name.replace("_", " "), value) for name, value in found.evidence.items()],
        "may_act": found.is_open and can(user, Action.DEPLOY, found.deployment.team),
        "actions": CHOICES,
    }
    return render(request, "monitoring/alert.html", context)


@login_required
@require_POST
def alerts_act(request: HttpRequest) -> HttpResponse:
    """One action on one or more alerts. Refusals are shown; the action still applies to the others."""
    user = signed_in(request)
    ids = [int(text) for text in request.POST.getlist("alert")[:PAGE_SIZE] if text.isdecimal() and len(text) < 19]
    form = AlertActionForm(request.POST, ids=ids)
    if not form.is_valid():
        for text in (text for texts in form.errors.values() for text in texts):
            messages.error(request, str(text))
    else:
        _act_on(request, user, form.cleaned_data)
    if request.POST.get("from") == "alert" and len(ids) == 1:
        return redirect("monitoring:alert", ids[0])
    query = request.POST.get("query", "")
    # Only the query string comes from the form: a full URL would be an open redirect.
    return redirect(f"{reverse('monitoring:alerts')}{'?' + query if query else ''}")


def _act_on(request: HttpRequest, user: User, asked: dict[str, Any]) -> None:
    done, word = 0, asked["action"]
    for found in _visible(user).filter(pk__in=asked["alert"]):
        try:
            _act(found, word, user, asked)
        except Refused as refusal:
            messages.error(request, f"{found}: {refusal.message}")
        except Invalid as invalid:
            messages.error(request, invalid.text)
            return
        else:
            done += 1
    if done:
        past = {"acknowledge": "acknowledged", "resolve": "resolved"}.get(word, "snoozed")
        messages.success(request, f"{done} alert{'' if done == 1 else 's'} {past}.")


def _act(found: Alert, word: str, user: User, asked: dict[str, Any]) -> None:
    if word == "acknowledge":
        acknowledge_alert(alert=found, actor=user)
    elif word == "resolve":
        resolve_alert(alert=found, actor=user)
    else:
        until = timezone.now() + SNOOZES[word] if word in SNOOZES else asked["until"]
        snooze_alert(alert=found, until=until, actor=user)


# -- rules -----------------------------------------------------------------------------------------


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def alert_rules(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """The alert rules of a deployment. POST changes one."""
    user = signed_in(request)
    rows = Deployment.objects.visible_to(user).select_related("team", "environment")
    deployment = get_object_or_404(rows, pk=deployment_id)
    posted = RuleForm(request.POST) if request.method == "POST" else None
    if posted and posted.is_valid():
        try:
            set_alert_rule(deployment=deployment, rule=posted.rule, actor=user)
        except Invalid as invalid:
            posted.show(invalid)
        else:
            messages.success(request, f"Alert rule for {AlertSubject(posted.rule.subject).label.lower()} saved.")
            return redirect("monitoring:alert_rules", deployment.pk)
    context = {
        "deployment": deployment,
        "rows": [(AlertSubject(rule.subject).label, _form_of(rule, posted)) for rule in rules_of(deployment)],
        "may_set": can(user, Action.DEPLOY, deployment.team),
    }
    return render(request, "monitoring/alert_rules.html", context, status=422 if posted else 200)


def _form_of(rule: Rule, posted: RuleForm | None) -> RuleForm:
    """The posted form if it was for this rule, else a form with the rule's values."""
    if posted is not None and posted.data.get("subject") == rule.subject:
        return posted
    names = ("subject", "enabled", "from_standing", "severity", "for_s", "stale_after_s")
    return RuleForm(initial={name: getattr(rule, name) for name in names}, auto_id=f"id_{rule.subject}_%s")
