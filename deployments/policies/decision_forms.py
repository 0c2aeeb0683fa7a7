"""Decisions on a run, destroying a deployment, trying an endpoint."""

from __future__ import annotations

from django import forms

MAX_REASON_CHARS = 4000


class ApproveForm(forms.Form):
    """The hash names the plan that the approver has read; a page without one approves nothing."""

    plan_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(required=False, max_length=MAX_REASON_CHARS)


class RejectForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        error_messages={"required": "Say why: the person who asked will read it."},
    )


class BreakGlassForm(forms.Form):
    """The hash names the plan that was on the page."""

    plan_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        min_length=10,
        error_messages={
            "required": "Say why: all approvers of the team will read it.",
            "min_length": "Say why in at least 10 characters: all approvers of the team will read it.",
        },
    )


class OverrideForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS, error_messages={"required": "Say why the policy need not be met this time."}
    )
