"""Decodes requests and encodes predictions by the rules of MLflow's scoring protocol."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import orjson
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from mlflow.utils.proto_json_utils import NumpyEncoder, _get_jsonable_obj

from serving.errors import bad_request, unsupported_media_type

# MLflow's types for these are incomplete.
_parse_json_data: Any = scoring_server._parse_json_data
_to_jsonable: Any = _get_jsonable_obj

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
# Not part of MLflow's protocol: Databricks copies it to the inference table and does not pass it to the model.
CLIENT_REQUEST_ID = "client_request_id"


@dataclass(frozen=True)
class ModelInput:
    """The arguments of `predict`."""

    data: Any
    params: dict[str, Any] | None = None
    #: Whether the request uses MLflow's LLM protocol, whose response has no "predictions" key.
    unwrapped: bool = False


def decode(body: bytes, content_type: str | None, metadata: Any) -> ModelInput:
    """Parse a request for the model with this MLflow metadata. Raises ServingError 400 or 415."""
    mime_type = _mime_type(content_type)
    if not body.strip():
        raise bad_request("The request body is empty.")
    try:
        if mime_type == CSV_TYPE:
            return ModelInput(_read_csv(body, metadata.get_input_schema()))
        return _read_json(body, metadata)
    except MlflowException as error:
        # Without the protocol history and stack traces that follow the reason.
        reason = error.message.partition(scoring_server.SCORING_PROTOCOL_CHANGE_INFO)[0]
        raise bad_request(f"{reason.strip().removesuffix('.')}.") from error
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
        reason = f"The request does not fit the model's input. {type(error).__name__}: {error}"
        raise bad_request(reason) from error


def _mime_type(content_type: str | None) -> str:
    """The media type of a Content-Type header; JSON if it is missing. Raises ServingError 415."""
    mime_type, *parameters = (part.strip().lower() for part in (content_type or JSON_TYPE).split(";"))
    if mime_type not in (JSON_TYPE, CSV_TYPE):
        raise unsupported_media_type(f"Send {JSON_TYPE} or {CSV_TYPE}, not '{mime_type}'.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise unsupported_media_type("Only UTF-8 is supported.")
    return mime_type


def _read_csv(body: bytes, schema: Any) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"The request body is not UTF-8: {error}") from error
    return scoring_server.parse_csv_input(io.StringIO(text), schema=schema)


def _read_json(body: bytes, metadata: Any) -> ModelInput:
    document = _load_json(body)
    if not isinstance(document, dict):
        raise bad_request(f"{scoring_server.REQUIRED_INPUT_FORMAT}. Received a {type(document).__name__}.")
    document.pop(CLIENT_REQUEST_ID, None)
    params = document.get("params")
    if params is not None and not isinstance(params, dict):
        raise bad_request(f"'params' must be a JSON object, not a {type(params).__name__}.")
    parsed = _parse_json_data(document, metadata, metadata.get_input_schema())
    return ModelInput(parsed.data, parsed.params, parsed.is_unified_llm_input)


def _load_json(body: bytes) -> Any:
    """Parse with orjson for speed, then with the standard library, which accepts NaN and Infinity as MLflow does."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The request body is not valid JSON: {error}") from error


def encode(predictions: Any, *, unwrapped: bool) -> bytes:
    """JSON as MLflow's scoring server writes it: frames as records, NaN as `NaN`. Raises ServingError 400."""
    document = _to_jsonable(predictions, pandas_orient="records")
    try:
        text = json.dumps(document if unwrapped else {"predictions": document}, cls=NumpyEncoder)
    except (TypeError, ValueError, RecursionError) as error:
        raise bad_request(f"The model returned something that is not JSON: {error}") from error
    return text.encode()
