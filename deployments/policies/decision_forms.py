"""Forms of decisions on a run."""

from __future__ import annotations

from django import forms

MAX_REASON_CHARS = 4000


class ApproveForm(forms.Form):
    """The hash identifies the plan on the approver's page. It is required."""

    plan_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(required=False, max_length=MAX_REASON_CHARS)


class RejectForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        error_messages={"required": "Give a reason. The person who requested the run will read it."},
    )


class BreakGlassForm(forms.Form):
    """The hash identifies the plan on the page."""

    plan_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        min_length=10,
        error_messages={
            "required": "Give a reason. All approvers of the team will read it.",
            "min_length": "Give a reason of at least 10 characters. All approvers of the team will read it.",
        },
    )


class OverrideForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        error_messages={"required": "Give a reason why the policy need not be met this time."},
    )
