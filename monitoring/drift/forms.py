"""The forms of drift. The services validate their values."""

from __future__ import annotations

from typing import Any

from django import forms

from catalog.models import ModelVersion
from monitoring.drift.models import Baseline
from web.errors import Invalid

YES = "yes"


class FeatureForm(forms.Form):
    """A change of one feature: a toggle button or a threshold."""

    feature_name = forms.CharField(max_length=255, strip=False)
    starred = forms.CharField(required=False)
    excluded = forms.CharField(required=False)
    critical = forms.CharField(required=False)
    threshold = forms.FloatField(required=False)

    def feature(self) -> str:
        """Raises Invalid."""
        if not self.is_valid():
            raise Invalid({name: [str(text) for text in texts] for name, texts in self.errors.items()})
        return str(self.cleaned_data["feature_name"])

    def changes(self) -> dict[str, Any]:
        """The submitted fields. An empty threshold resets to the deployment's threshold."""
        self.feature()
        switches = {name: self.data[name] == YES for name in ("starred", "excluded", "critical") if name in self.data}
        return {**switches, "threshold": self.cleaned_data["threshold"]} if "threshold" in self.data else switches


class BaselineForm(forms.Form):
    version = forms.CharField(max_length=9, widget=forms.HiddenInput)
    source = forms.ChoiceField(
        label="Compare with",
        choices=[
            (Baseline.Source.TRAINING, "Training data logged with its run"),
            (Baseline.Source.TABLE, "Another table"),
            (Baseline.Source.TRAFFIC, "First traffic"),
        ],
    )
    table = forms.CharField(
        label="Table",
        required=False,
        max_length=767,
        help_text="catalog.schema.table. The portal's service principal must be able to read it.",
    )
    prediction_column = forms.CharField(
        label="Prediction column",
        required=False,
        max_length=255,
        help_text="Leave empty if the table has none. The version then predicts its rows.",
    )

    @classmethod
    def about(cls, version: ModelVersion | None) -> BaselineForm:
        """An empty form for ``version``. Training data is a choice if the version names it."""
        has_training = version is not None and version.training_table is not None
        source = Baseline.Source.TRAINING if has_training else Baseline.Source.TABLE
        form = cls(initial={"version": version.version if version else "", "source": source})
        if not has_training:
            field = form.fields["source"]
            field.choices = [choice for choice in field.choices if choice[0] != Baseline.Source.TRAINING]  # type: ignore[attr-defined]
        return form

    def answers(self) -> dict[str, str]:
        """Raises Invalid."""
        if not self.is_valid():
            raise Invalid({name: [str(text) for text in texts] for name, texts in self.errors.items()})
        return {name: str(value) for name, value in self.cleaned_data.items()}
