"""The body of a new price table. The page and the API share it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from deployments.deployment.specs import WorkloadSize, WorkloadType
from web.bodies import Part

NUMBER = r"^[0-9]{1,6}(\.[0-9]{1,6})?$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
MAX_RATES = 100
MAX_CONCURRENCY = 10_000


def _number(value: Any) -> Decimal:
    """A decimal from a JSON number or text such as "0.07". Numbers keep their written digits, without rounding."""
    if isinstance(value, Decimal):
        return value
    text = value if isinstance(value, str) else f"{Decimal(repr(value)):f}" if type(value) in (int, float) else ""
    if not re.fullmatch(NUMBER, text):
        raise ValueError("Enter a number with at most 6 digits before and after the point, for example 0.07.")
    return Decimal(text)


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("Enter a number above 0, or leave the rate out.")
    return value


def _day(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(DATE, value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif type(value) is date:
        return value
    raise ValueError("Enter a date as year-month-day, for example 2026-11-01.")


def _printable(value: str) -> str:
    if not value.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
        raise ValueError("Control characters are not allowed.")
    return value


def _decimal_schema(places: int) -> WithJsonSchema:
    """JSON schema of a positive number, or the same number as text."""
    text = {"type": "string", "pattern": rf"^[0-9]{{1,6}}(\.[0-9]{{1,{places}}})?$"}
    return WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 999999}, text]})


Price = Annotated[Decimal, BeforeValidator(_number), AfterValidator(_positive), _decimal_schema(6)]
Dbu = Annotated[
    Decimal, BeforeValidator(_number), AfterValidator(_positive), Field(decimal_places=4), _decimal_schema(4)
]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date", "pattern": DATE})]
Concurrency = Annotated[int, Field(ge=1, le=MAX_CONCURRENCY)]


class NewRate(Part):
    """DBU per hour of one served entity of this type and size, at minimum and maximum concurrency."""

    workload_type: WorkloadType
    workload_size: WorkloadSize
    min_concurrency: Concurrency
    max_concurrency: Concurrency
    min_dbu_per_hour: Dbu
    max_dbu_per_hour: Dbu

    @field_validator("max_concurrency", "max_dbu_per_hour")
    @classmethod
    def _most_is_not_less_than_fewest(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        fewest = info.data.get(f"min_{(info.field_name or '').removeprefix('max_')}")
        if fewest is not None and value < fewest:
            raise ValueError(f"The maximum cannot be less than the minimum, {fewest}.")
        return value


class NewPriceTable(Part):
    """A new price table. Types and sizes without an item in ``rates`` have no price."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)
    ]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "USD"
    valid_from: Day
    price_per_dbu: Price
    source: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_printable)
    ]
    rates: list[NewRate] = Field(min_length=1, max_length=MAX_RATES)

    @field_validator("rates")
    @classmethod
    def _each_size_once(cls, rates: list[NewRate]) -> list[NewRate]:
        units = [(rate.workload_type, rate.workload_size) for rate in rates]
        if twice := sorted({" ".join(unit) for unit in units if units.count(unit) > 1}):
            raise ValueError(f"Duplicate rates: {', '.join(twice)}.")
        return rates
