"""The box that sends a request to an endpoint."""

from __future__ import annotations

import json
from typing import Any

from django import forms

MAX_BODY_CHARS = 1_000_000


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
