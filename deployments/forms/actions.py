"""Decisions on a run, destroying a deployment, trying an endpoint."""

from __future__ import annotations

import json
from typing import Any

from django import forms

MAX_REASON_CHARS = 4000
MAX_BODY_CHARS = 1_000_000


class ApproveForm(forms.Form):
    """The hash names the plan that the approver has read; a page without one approves nothing."""

    plan_sha256 = forms.RegexField(r"^[0-9a-f]{64}$", widget=forms.HiddenInput)
    reason = forms.CharField(required=False, max_length=MAX_REASON_CHARS)


class RejectForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON_CHARS,
        error_messages={"required": "Say why: the person who asked will read it."},
    )


class DestroyForm(forms.Form):
    typed_name = forms.CharField(required=False, max_length=255, strip=True)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name

    def clean_typed_name(self) -> str:
        typed: str = self.cleaned_data["typed_name"]
        if typed != self._name:
            raise forms.ValidationError(f"Type {self._name} to confirm.")
        return typed


class TestForm(forms.Form):
    """Cleans ``body`` to what its JSON says."""

    __test__ = False  # not a test, whatever pytest makes of its name

    body = forms.CharField(
        max_length=MAX_BODY_CHARS,
        label="Request body",
        error_messages={"required": "Write a JSON object, for example with dataframe_split."},
        widget=forms.Textarea(attrs={"rows": 9, "class": "sw-mono", "spellcheck": "false"}),
    )

    def clean_body(self) -> Any:
        text: str = self.cleaned_data["body"]
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            message = f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
            raise forms.ValidationError(message) from None
        except (ValueError, RecursionError):
            raise forms.ValidationError("This is not JSON that can be read.") from None
