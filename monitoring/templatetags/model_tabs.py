"""The tabs of a model, for the pages of the catalog and of monitoring."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

from deployments.models import Deployment
from monitoring.alerts.models import Alert
from monitoring.alerts.states import AlertState

register = template.Library()
TABS = (
    ("Overview", "catalog:model"),
    ("Health", "monitoring:health"),
    ("Drift", "monitoring:drift"),
    ("Quality", "monitoring:quality"),
    ("Cost", "monitoring:model_cost"),
)


@register.inclusion_tag("ui/_tabs.html", takes_context=True)
def model_tabs(context: dict[str, Any], full_name: str) -> dict[str, Any]:
    """Links to the tabs. The ``deployment`` parameter is kept."""
    request = context["request"]
    chosen = request.GET.get("deployment", "")
    query = f"?deployment={chosen}" if chosen.isdigit() else ""
    tabs = []
    for label, url_name in TABS:
        try:
            url = reverse(url_name, args=[full_name])
        except NoReverseMatch:
            continue
        tabs.append({"label": label, "url": url + query, "active": request.path == url})
    return {"tabs": tabs, "label": "Sections of the model"}


@register.inclusion_tag("monitoring/_alert_links.html")
def alert_links(deployment: Deployment) -> dict[str, Any]:
    """Links to the firing alerts and to the alert rules of the deployment. One query."""
    firing = Alert.objects.exclude(fired_at=None).filter(deployment=deployment, state=AlertState.FIRING).count()
    return {"deployment": deployment, "firing": firing}
