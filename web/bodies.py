"""Strict request bodies: pydantic models for the input from pages, API and YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from web.errors import Invalid


def _no_nul(value: str) -> str:
    """Reject NUL characters: PostgreSQL cannot store them."""
    if "\x00" in value:
        raise ValueError("Null characters are not allowed.")
    return value


Column = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_no_nul)]

ShortText = Annotated[str, StringConstraints(max_length=255), AfterValidator(_no_nul)]


class Part(BaseModel):
    """Strict: unknown fields are rejected, and values are not converted ("1" is not 1, 1 is not true)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Nothing(Part):
    """An action without parameters: no body, or an empty object."""


def _message(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "Unknown field."
        case "missing":
            return "This field is required."
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_pattern_mismatch":
            return "Use letters, digits, - and _."
        case _:
            text = str(error["msg"])
            return text if text.endswith(".") else f"{text}."


AnyPart = TypeVar("AnyPart", bound=Part)


def parse(part: type[AnyPart], data: object) -> AnyPart:
    """Read a part from decoded JSON or YAML. Raises Invalid with the messages of all fields."""
    if not isinstance(data, Mapping):
        raise Invalid({"body": ["Send an object with the fields of this request."]})
    try:
        return part.model_validate(dict(data))
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for item in error.errors(include_url=False):
            name = ".".join(str(step) for step in item["loc"]) or "body"
            fields.setdefault(name, []).append(_message(item))
        raise Invalid(fields) from None
