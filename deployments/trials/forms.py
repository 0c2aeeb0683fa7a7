"""The form that sends a trial to an endpoint."""

from __future__ import annotations

import json
from typing import Any

from django import forms

MAX_BODY_CHARS = 1_000_000


class TestForm(forms.Form):
    """``cleaned_data["body"]`` is the decoded JSON."""

    __test__ = False  # keeps pytest from collecting the class

    body = forms.CharField(
        max_length=MAX_BODY_CHARS,
        label="Request body",
        error_messages={"required": "Enter a JSON object, for example with dataframe_split."},
        widget=forms.Textarea(attrs={"rows": 9, "class": "sw-mono", "spellcheck": "false"}),
    )

    def clean_body(self) -> Any:
        text: str = self.cleaned_data["body"]
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            message = f"This is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}."
            raise forms.ValidationError(message) from None
        except (ValueError, RecursionError):
            raise forms.ValidationError("This JSON cannot be read.") from None
