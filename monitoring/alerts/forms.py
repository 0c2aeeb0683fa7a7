"""The forms of alerts: snoozing, rules, receivers and routes."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import Team, User
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from catalog.models import Environment
from monitoring.alerts.models import Receiver, ReceiverKind
from monitoring.alerts.rules import Rule
from monitoring.alerts.states import AlertSubject, Severity
from monitoring.watched.states import Standing
from web.errors import Invalid

CHOICES = {
    "acknowledge": "Acknowledge",
    "snooze_1h": "Snooze 1 h",
    "snooze_1d": "Snooze 1 day",
    "snooze": "Snooze until",
    "resolve": "Resolve",
}


class _JudgedForm(forms.Form):
    def show(self, invalid: Invalid) -> None:
        """Show each error beside its field, and errors without a field above the form."""
        for name, texts in invalid.fields.items():
            for text in texts:
                self.add_error(name if name in self.fields else None, text)


class AlertActionForm(_JudgedForm):
    """One action on the alerts with the given ids."""

    action = forms.ChoiceField(choices=list(CHOICES.items()))
    alert = forms.TypedMultipleChoiceField(coerce=int, error_messages={"required": "Choose an alert first."})
    until = forms.DateTimeField(required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))

    def __init__(self, *args: Any, ids: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["alert"].choices = [(pk, pk) for pk in ids]  # type: ignore[attr-defined]  # a choice field

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if found.get("action") == "snooze" and not found.get("until"):
            self.add_error("until", "Enter a time.")
        return found


class RuleForm(_JudgedForm):
    subject = forms.ChoiceField(choices=AlertSubject.choices, widget=forms.HiddenInput)
    enabled = forms.BooleanField(required=False, label="Opens alerts")
    from_standing = forms.ChoiceField(
        choices=[(Standing.FAILING, "Failing"), (Standing.AT_RISK, "At risk, or failing")], label="From"
    )
    severity = forms.ChoiceField(choices=Severity.choices)
    for_s = forms.IntegerField(min_value=0, label="Must last (seconds)")
    stale_after_s = forms.IntegerField(
        min_value=60, required=False, label="No data for (seconds)", help_text="Leave empty for no alert."
    )

    @property
    def rule(self) -> Rule:
        """Call it on a valid form only."""
        given = self.cleaned_data
        return Rule(
            AlertSubject(given["subject"]),
            given["enabled"],
            Standing(given["from_standing"]),
            Severity(given["severity"]),
            given["for_s"],
            given["stale_after_s"],
        )


class ReceiverForm(_JudgedForm):
    team = forms.ModelChoiceField(Team.objects.none(), to_field_name="slug")
    name = forms.CharField(max_length=80)
    kind = forms.ChoiceField(choices=ReceiverKind.choices)
    address = forms.CharField(
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="For example https://hooks.slack.com/services/…, mailtos://user:password@smtp.example.com"
        "?to=oncall@example.com, pagerduty://integration_key@api_key. Stored encrypted and never shown again.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams_where(user, Action.MANAGE)  # type: ignore[attr-defined]  # a choice field


class RouteForm(_JudgedForm):
    receiver = forms.ModelChoiceField(Receiver.objects.none())
    subject = forms.ChoiceField(choices=[("", "Everything"), *AlertSubject.choices], required=False, label="About")
    environment = forms.ModelChoiceField(
        Environment.objects.all(), to_field_name="slug", required=False, empty_label="All environments"
    )
    min_severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.WARNING, label="From")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        receivers = Receiver.objects.filter(team__in=teams_where(user, Action.MANAGE)).select_related("team")
        self.fields["receiver"].queryset = receivers  # type: ignore[attr-defined]  # a choice field
