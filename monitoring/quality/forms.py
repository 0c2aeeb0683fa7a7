"""The form of the label table. The services validate its values."""

from __future__ import annotations

from typing import Any

from django import forms

from monitoring.quality.models import LabelSource
from web.errors import Invalid

USUAL_WINDOW_DAYS = LabelSource._meta.get_field("window_days").default


class LabelsForm(forms.Form):
    table = forms.CharField(
        label="Label table",
        max_length=767,
        help_text="catalog.schema.table. The portal's service principal must be able to read it.",
    )
    id_column = forms.CharField(
        label="Id column", max_length=255, help_text="Contains the client_request_id of the request."
    )
    label_column = forms.CharField(label="Label column", max_length=255)
    time_column = forms.CharField(
        label="Time column",
        max_length=255,
        required=False,
        help_text="When the label was recorded. If set, the newest label of an id counts.",
    )
    kind = forms.ChoiceField(label="Labels are", choices=LabelSource.Kind.choices)
    positive_label = forms.CharField(
        label="Positive label",
        max_length=100,
        required=False,
        help_text="For classes: the class of precision and recall. Predictions between 0 and 1 are its probability.",
    )
    delay_days = forms.IntegerField(
        label="Label delay", required=False, help_text="Usual delay in days. Leave empty if unknown."
    )
    metric = forms.ChoiceField(
        label="Watched metric",
        required=False,
        choices=[("", "None"), *LabelSource.Metric.choices],
        help_text="Decides the standing of quality in the fleet and in alerts.",
    )
    limit = forms.FloatField(
        label="Limit",
        required=False,
        help_text="Minimum for shares, from 0 to 1. Maximum for MAE, RMSE and absolute bias, in the label's unit.",
    )
    window_days = forms.IntegerField(
        label="Window", required=False, help_text=f"Number of days with labels. {USUAL_WINDOW_DAYS} by default."
    )

    @classmethod
    def of(cls, source: LabelSource | None) -> LabelsForm:
        """The form with the current values."""
        if source is None:
            return cls(initial={"kind": LabelSource.Kind.CLASSIFICATION})
        return cls(initial={name: getattr(source, name) for name in cls.base_fields})

    def answers(self) -> dict[str, Any]:
        """Raises Invalid."""
        if not self.is_valid():
            raise Invalid({name: [str(text) for text in texts] for name, texts in self.errors.items()})
        given = dict(self.cleaned_data)
        return {**given, "window_days": USUAL_WINDOW_DAYS if given["window_days"] is None else given["window_days"]}

    def show(self, invalid: Invalid) -> None:
        """Show the errors of a service beside their fields."""
        if self.is_valid():
            for name, texts in invalid.fields.items():
                self.add_error(name if name in self.fields else None, list(texts))
