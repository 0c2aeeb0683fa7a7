"""The form that confirms destroying a deployment."""

from __future__ import annotations

from typing import Any

from django import forms


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
