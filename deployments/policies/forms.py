"""Forms of policies and freezes. The services validate their values."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from django import forms
from pydantic.fields import FieldInfo

from accounts.models import Team
from catalog.models import Environment, Risk
from deployments.policies.decision_forms import MAX_REASON_CHARS
from deployments.policies.models import ChangeKind, PolicyLevel
from deployments.policies.rules import Rule
from web.errors import Invalid

LABELS = {
    "tags": "Tags",
    "max_size": "Maximum size",
    "allow_gpu": "Allow GPUs",
    "hours": "Hours without requests",
    "warn_percent": "Warn at (% of the budget)",
    "approve_percent": "Require approval at (% of the budget)",
}


class ListField(forms.CharField):
    """A list of words, separated by commas or spaces."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean(value).replace(",", " ").split()


def _field_for(name: str, told: FieldInfo) -> forms.Field:
    """The form field for a rule's parameter, by its type."""
    label, kind = LABELS[name], told.annotation
    if kind is bool:
        return forms.BooleanField(label=label, required=False)
    if kind is int:
        return forms.IntegerField(label=label)
    if get_origin(kind) is Literal:
        return forms.ChoiceField(label=label, choices=[(value, value) for value in get_args(kind)])
    return ListField(label=label, help_text="Separated by commas.")


class _JudgedForm(forms.Form):
    def show(self, invalid: Invalid) -> None:
        """Add the errors of a service to their fields. Errors without a field go to the whole form."""
        for name, texts in invalid.fields.items():
            field = name.removeprefix("parameters.").partition(".")[0]
            for text in texts:
                self.add_error(field if field in self.fields else None, text)


class _RuleForm(_JudgedForm):
    """A level and the rule's parameters."""

    level = forms.ChoiceField(
        choices=PolicyLevel.choices,
        help_text="If not met, mandatory fails the run, overridable waits for an override, advisory only warns.",
    )

    def __init__(self, *args: Any, rule: Rule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parameters = list(rule.parameters.model_fields)
        for name, told in rule.parameters.model_fields.items():
            self.fields[name] = _field_for(name, told)
        self.fields["reason"] = forms.CharField(
            required=False, max_length=MAX_REASON_CHARS, label="Reason", widget=forms.Textarea(attrs={"rows": 2})
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """The submitted parameters of the rule. Only for a valid form."""
        return {name: self.cleaned_data[name] for name in self._parameters}


class PolicyForm(_RuleForm):
    """``version`` is the version on the page, so that a newer one is not overwritten."""

    version = forms.IntegerField(min_value=1, max_value=2**31 - 2, widget=forms.HiddenInput)


class NewPolicyForm(_RuleForm):
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.all(), to_field_name="slug", required=False, empty_label="All environments"
    )
    risk = forms.ChoiceField(choices=[("", "All risk tiers"), *Risk.choices], required=False)
    change = forms.ChoiceField(choices=[("", "All changes"), *ChangeKind.choices], required=False)

    field_order = ("environment", "risk", "change", "level")

    @property
    def place(self) -> dict[str, str]:
        environment: Environment | None = self.cleaned_data["environment"]
        return {
            "environment": environment.slug if environment else "",
            "risk": self.cleaned_data["risk"],
            "change": self.cleaned_data["change"],
        }


class FreezeForm(_JudgedForm):
    """Without environment and team, the freeze covers everything."""

    environment = forms.ModelChoiceField(
        queryset=Environment.objects.all(), required=False, empty_label="All environments"
    )
    team = forms.ModelChoiceField(queryset=Team.objects.all(), required=False, empty_label="All teams")
    ends_at = forms.DateTimeField(
        label="Until",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="At most 30 days from now.",
    )
    reason = forms.CharField(max_length=MAX_REASON_CHARS, widget=forms.Textarea(attrs={"rows": 2}))
