"""What the page of quality sends. What it may say is judged by the services."""

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
        help_text="catalog.schema.table, which the portal's service principal may read.",
    )
    id_column = forms.CharField(
        label="Column of ids", max_length=255, help_text="Has the client_request_id of the request."
    )
    label_column = forms.CharField(label="Column of labels", max_length=255)
    time_column = forms.CharField(
        label="Column of times",
        max_length=255,
        required=False,
        help_text="When the label was given. With it the newest label of an id counts.",
    )
    kind = forms.ChoiceField(label="Labels are", choices=LabelSource.Kind.choices)
    positive_label = forms.CharField(
        label="Positive label",
        max_length=100,
        required=False,
        help_text="For classes: what precision and recall are about. Answers between 0 and 1 are its probability.",
    )
    delay_days = forms.IntegerField(
        label="Labels arrive after", required=False, help_text="Days, about. Leave it empty if nobody knows."
    )
    metric = forms.ChoiceField(
        label="Watch",
        required=False,
        choices=[("", "Nothing"), *LabelSource.Metric.choices],
        help_text="The figure that says whether quality passes: for the fleet, and for alerts.",
    )
    limit = forms.FloatField(
        label="Limit",
        required=False,
        help_text="Shares at least, from 0 to 1. MAE and RMSE at most, bias at most either way, in the label's unit.",
    )
    window_days = forms.IntegerField(
        label="Over the last", required=False, help_text=f"Days that have labels. Empty: {USUAL_WINDOW_DAYS}."
    )

    @classmethod
    def of(cls, source: LabelSource | None) -> LabelsForm:
        """As the deployment's labels are now."""
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
        """What a service found wrong, beside its field."""
        if self.is_valid():
            for name, texts in invalid.fields.items():
                self.add_error(name if name in self.fields else None, list(texts))
