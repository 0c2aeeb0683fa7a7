"""The form of a price table, with one row for each type and size, and the form of an estimate's assumption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, get_args

from django import forms
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from deployments.deployment.specs import WorkloadSize, WorkloadType
from deployments.pricing.estimating import DEFAULT_HOURS_PER_DAY, MAX_HOURS_PER_DAY, plain
from deployments.pricing.models import PriceTable
from deployments.pricing.tables import NewPriceTable
from web.bodies import parse
from web.errors import Invalid

PARTS = {
    "min_concurrency": "Minimum concurrency",
    "max_concurrency": "Maximum concurrency",
    "min_dbu_per_hour": "DBU per hour at minimum",
    "max_dbu_per_hour": "DBU per hour at maximum",
}
Unit = tuple[str, str]
UNITS: tuple[Unit, ...] = tuple((kind, size) for kind in get_args(WorkloadType) for size in get_args(WorkloadSize))


def field_name(unit: Unit, part: str) -> str:
    return f"{'_'.join(unit).lower()}_{part}"


@dataclass(frozen=True)
class RateRow:
    """A workload type and size with its inputs, in the order of PARTS."""

    title: str
    fields: list[tuple[str, forms.BoundField]]


class PriceTableForm(forms.Form):
    """Validated by NewPriceTable, as in the API. Empty rows are ignored."""

    name = forms.CharField(required=False, max_length=100)
    currency = forms.CharField(required=False, max_length=3, help_text="Three letters, for example USD.")
    valid_from = forms.CharField(
        required=False,
        label="Valid from",
        help_text="In force from this day until a table with a later date.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    price_per_dbu = forms.CharField(
        required=False, label="Price per DBU", widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    source = forms.CharField(
        required=False,
        label="Source of the prices",
        help_text="For example a contract or a price list with its date. Shown with estimates.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prices: NewPriceTable | None = None
        for unit in UNITS:
            for part, label in PARTS.items():
                self.fields[field_name(unit, part)] = forms.CharField(
                    required=False,
                    max_length=20,
                    label=f"{' '.join(unit)}, {label.lower()}",
                    widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
                )

    @classmethod
    def initial_of(cls, table: PriceTable | None) -> dict[str, Any]:
        """Initial values: those of ``table`` without its date."""
        if table is None:
            return {"currency": "USD"}
        copied: dict[str, Any] = {
            name: getattr(table, name) for name in ("name", "currency", "source", "price_per_dbu")
        }
        for rate in table.rates.all():
            for part in PARTS:
                copied[field_name((rate.workload_type, rate.workload_size), part)] = getattr(rate, part)
        return {name: plain(value) if isinstance(value, Decimal) else value for name, value in copied.items()}

    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "valid_from", "currency", "price_per_dbu", "source")]

    @property
    def rate_columns(self) -> list[str]:
        return list(PARTS.values())

    def rate_rows(self) -> Iterator[RateRow]:
        for unit in UNITS:
            yield RateRow(" ".join(unit), [(label, self[field_name(unit, part)]) for part, label in PARTS.items()])

    def clean(self) -> dict[str, Any]:
        """Set ``prices``, or add all errors to their fields."""
        given = dict(self.cleaned_data)
        units = [unit for unit in UNITS if any(given.get(field_name(unit, part)) for part in PARTS)]
        asked = {name: given[name] for name in NewPriceTable.model_fields if given.get(name)}
        asked["rates"] = [self._rate(unit) for unit in units]
        try:
            self.prices = parse(NewPriceTable, asked)
        except Invalid as invalid:
            self._show(invalid, units)
        return given

    def _rate(self, unit: Unit) -> dict[str, Any]:
        """The values of a row, in the shape of the API."""
        rate: dict[str, Any] = {"workload_type": unit[0], "workload_size": unit[1]}
        for part in PARTS:
            text = self.cleaned_data.get(field_name(unit, part), "")
            is_count = part.endswith("concurrency") and text.isascii() and text.isdigit()
            if text:
                rate[part] = int(text) if is_count else text
        return rate

    def _show(self, invalid: Invalid, units: list[Unit]) -> None:
        for name, texts in invalid.fields.items():
            field = self._field_of(name, units)
            for text in texts if field not in self.errors else []:
                self.add_error(field, text)

    def _field_of(self, name: str, units: list[Unit]) -> str | None:
        """The form field for a dotted name such as rates.3.max_concurrency; None for the whole form."""
        first, _, rest = name.partition(".")
        index, _, part = rest.partition(".")
        if part in PARTS:
            return field_name(units[int(index)], part)
        return first if first in self.fields else None


class HoursForm(forms.Form):
    """Hours of use a day of an endpoint that scales to zero."""

    assumed_hours_per_day = forms.DecimalField(
        min_value=Decimal("0.1"),
        max_value=MAX_HOURS_PER_DAY,
        max_digits=4,
        decimal_places=1,
        label="Hours in use a day",
        widget=forms.NumberInput(attrs={"min": "0.1", "max": "24", "step": "0.1"}),
    )

    @property
    def hours(self) -> Decimal:
        """The submitted hours if they are valid, else the initial ones."""
        if not self.is_bound or not self.is_valid():
            return Decimal(self.initial.get("assumed_hours_per_day", DEFAULT_HOURS_PER_DAY))
        hours: Decimal = self.cleaned_data["assumed_hours_per_day"]
        return hours


HOURS = OpenApiParameter(
    "assumed_hours_per_day",
    float,
    description="Hours of use a day that the price assumes if the spec scales to zero: 0.1 to 24, default 8.",
)


def asked_hours(request: Request) -> Decimal | None:
    """``?assumed_hours_per_day=`` of the query, or None. Raises Invalid if it is out of range."""
    if HOURS.name not in request.query_params:
        return None
    form = HoursForm(request.query_params)
    if not form.is_valid():
        raise Invalid({name: [str(text) for text in texts] for name, texts in form.errors.items()})
    return form.hours
