"""Sample data for the component page, with every component in every state."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import QueryDict
from django.utils import timezone

from web.charts import Chart, Series
from web.templatetags.ui import TONE_ICONS

TEAMS = ("fraud", "pricing", "support")

CURL = """curl -H "Authorization: Bearer $SLIPWAY_TOKEN" \\
  https://slipway.example.com/api/v1/models/"""
PYTHON = """import httpx

models = httpx.get("https://slipway.example.com/api/v1/models/", headers={"Authorization": f"Bearer {token}"})"""
SIZES = [("Small", "Small"), ("Medium", "Medium"), ("Large", "Large")]
SIZE_TEXTS = {
    "Small": "4 requests at a time",
    "Medium": "8 to 16 requests at a time",
    "Large": "16 to 64 requests at a time",
}


class SampleFilter(forms.Form):
    q = forms.CharField(label="Search", required=False)
    team = forms.ChoiceField(choices=[("", "Any"), ("fraud", "Fraud"), ("pricing", "Pricing")], required=False)
    status = forms.ChoiceField(choices=[("", "Any"), ("ready", "Ready"), ("failed", "Failed")], required=False)


class SampleForm(forms.Form):
    name = forms.SlugField(help_text="Lower-case letters, digits and dashes.")
    environment = forms.ChoiceField(choices=[("dev", "Development"), ("prod", "Production")])
    size = forms.ChoiceField(choices=SIZES, widget=forms.RadioSelect, initial="Small")
    strategy = forms.ChoiceField(
        choices=[("all", "All at once"), ("canary", "Canary")], widget=forms.RadioSelect, initial="canary"
    )
    scale_to_zero = forms.BooleanField(
        required=False, help_text="Cold start: the first request after an idle time has to wait."
    )
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)


def _stages() -> list[dict[str, Any]]:
    return [
        {"name": "Preflight", "state": "Passed", "tone": "ok", "duration_s": 1.4, "url": "#rail"},
        {"name": "Plan", "state": "2 to add", "tone": "ok", "duration_s": 14, "url": "#rail"},
        {
            "name": "Approval",
            "state": "Waiting for approval",
            "tone": "warn",
            "duration_s": 424,
            "url": "#rail",
            "reason": "Any approver of Fraud, except ada",
            "current": True,
        },
        {"name": "Apply", "state": "Applying", "tone": "busy", "duration_s": 31, "url": "#rail"},
        {"name": "Endpoint", "state": "Failed", "tone": "bad", "duration_s": 912},
        {"name": "Smoke test", "state": "Not started", "tone": "idle", "duration_s": None},
    ]


def _lines() -> list[dict[str, Any]]:
    now = timezone.now()
    texts = [
        ("info", "plan", "Planning with Terraform 1.13"),
        ("debug", "plan", "Backend lock acquired, fencing number 7"),
        ("info", "plan", "Plan: 2 to add, 0 to change, 0 to destroy"),
        ("warning", "endpoint", "The endpoint takes longer than usual: 9 min, usually 6 min"),
        ("error", "endpoint", "RESOURCE_EXHAUSTED: no capacity for GPU_MEDIUM in this region"),
    ]
    lines: list[dict[str, Any]] = [
        {
            "number": 812 + index + (4 if index > 2 else 0),
            "at": now - timedelta(seconds=60 - index),
            "level": level,
            "stage": stage,
            "text": text,
        }
        for index, (level, stage, text) in enumerate(texts)
    ]
    return lines


def missing_lines() -> list[dict[str, Any]]:
    """The lines that fill the gap in the sample log."""
    now = timezone.now()
    return [
        {
            "number": number,
            "at": now,
            "level": "debug",
            "stage": "plan",
            "text": f"Refreshing state, part {number - 814}",
        }
        for number in range(815, 819)
    ]


def _log() -> list[dict[str, Any]]:
    """Lines 812 to 820 with a gap that loads when it scrolls into view."""
    lines = _lines()
    return [*lines[:3], {"gap_url": "?gap=1", "first": 815, "last": 818}, *lines[3:]]


def _rows() -> list[dict[str, Any]]:
    now = timezone.now()
    names = ["card_fraud", "chargeback", "merchant_risk", "price_elasticity", "basket_value", "churn"]
    return [
        {"name": f"staging.fraud.{name}", "tone": tone, "cost": 12.5 * (index + 1), "at": now - timedelta(hours=index)}
        for index, (name, tone) in enumerate(zip(names * 8, list(TONE_ICONS) * 7, strict=False))
    ]


def _charts() -> list[Chart]:
    """A line chart with a gap, a marker and a threshold; a stacked chart; a scatter chart; a chart without data."""
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    hours = [start + timedelta(hours=hour) for hour in range(24)]
    slow = Series("p99", [(at, None if 9 <= n <= 11 else 40 + 3.5 * (n % 7)) for n, at in enumerate(hours)])
    usual = Series("p50", [(at, None if 9 <= n <= 11 else 11 + 0.5 * (n % 5)) for n, at in enumerate(hours)])
    days = [f"{day} March" for day in range(1, 8)]
    parts = [
        Series(name, [(day, share * (n % 4 + 1)) for n, day in enumerate(days)]) for share, name in enumerate(TEAMS, 1)
    ]
    points = [(0.05, 0.31, "amount", "#c-charts"), (0.4, 0.02, "age", ""), (0.2, 0.12, "country", "")]
    return [
        Chart(
            "sample-line",
            "Latency",
            [usual, slow],
            unit="ms",
            markers=[(hours[15], "v4 live")],
            thresholds=[(60, "limit")],
        ),
        Chart("sample-stack", "Cost by team", parts, kind="stacked", x="category", unit="USD", categories=days),
        Chart(
            "sample-scatter",
            "Drift by importance",
            [Series("Drift", points)],
            "scatter",
            "number",
            x_label="Importance",
        ),
        Chart(
            "sample-empty", "Requests", [Series("v4", [])], empty="No requests in this window: the last was 3 days ago."
        ),
    ]


def showcase(query: QueryDict) -> dict[str, Any]:
    page = Paginator(_rows(), 8).get_page(query.get("page"))
    now = timezone.now()
    return {
        "tones": list(TONE_ICONS),
        "filter_form": SampleFilter(query),
        "filtered_form": SampleFilter(QueryDict("q=churn&team=pricing")),
        "page": page,
        "single_page": Paginator(_rows()[:3], 8).get_page(1),
        "stages": _stages(),
        "lines": _log(),
        "charts": _charts(),
        "form": SampleForm(),
        "broken_form": SampleForm({"name": "Not a slug!", "scale_to_zero": "on"}, auto_id="broken_%s"),
        "size_texts": SIZE_TEXTS,
        "samples": [{"label": "curl", "code": CURL}, {"label": "Python", "code": PYTHON}],
        "curl": CURL,
        "spec": {"model": "staging.fraud.card_fraud", "version": "3", "compute": {"workload_size": "Small"}},
        "facts": [("Model", "staging.fraud.card_fraud"), ("Version", 3), ("Cost center", None)],
        "tabs": [
            {"label": "Overview", "url": "#tabs", "active": True, "count": None},
            {"label": "Versions", "url": "#tabs", "active": False, "count": 8},
            {"label": "Cost", "url": "#tabs", "active": False, "count": None},
        ],
        "steps": [
            {"label": label, "url": "#steps" if state == "done" else "", "state": state}
            for label, state in [
                ("Template", "done"),
                ("Model", "done"),
                ("Target", "current"),
                ("Rollout", "todo"),
                ("Monitoring", "todo"),
                ("Review", "todo"),
            ]
        ],
        "times": [now - timedelta(seconds=3), now - timedelta(minutes=3), now + timedelta(hours=2)],
        "old_time": now - timedelta(days=90),
        "spans_s": [0.35, 12, 184, 7500, 273600],
    }
