"""An OpenAPI document from the model's signature, similar to Databricks' `get_open_api`."""

from __future__ import annotations

from typing import Any

# MLflow's column types (`mlflow.types.DataType` names) as JSON Schema.
_COLUMN_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": "number", "format": "float"},
    "double": {"type": "number", "format": "double"},
    "string": {"type": "string"},
    "binary": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
}
_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}


def build_openapi(name: str, signature: dict[str, Any] | None) -> dict[str, Any]:
    """Build the document. `signature` has the keys inputs, outputs and params, each a list of MLflow's specs."""
    known = signature or {}
    request = _request_schema(known.get("inputs"), known.get("params"))
    response = {"type": "object", "required": ["predictions"], "properties": {"predictions": _predictions(known)}}
    scoring = {
        "summary": f"Predict with {name}",
        "operationId": "invocations",
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {
            "200": {"description": "Predictions", "content": {"application/json": {"schema": response}}},
            "400": _error("The input does not match the signature, or the model rejected it"),
            "413": _error("The body is too large"),
            "415": _error("The content type is not supported"),
            "429": _error("Too many requests are waiting"),
            "503": _error("The model is not ready"),
            "504": _error("The prediction took too long"),
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": "1"},
        "paths": {"/invocations": {"post": scoring}, "/ping": {"get": _ping()}},
    }


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ERROR}}}


def _ping() -> dict[str, Any]:
    return {
        "summary": "Readiness of the model",
        "operationId": "ping",
        "responses": {
            "200": {"description": "The model is ready"},
            "503": _error("The model is loading, shutting down or has failed"),
        },
    }


def _request_schema(inputs: list[dict[str, Any]] | None, params: list[dict[str, Any]] | None) -> dict[str, Any]:
    forms = [{"type": "object", "required": [key], "properties": {key: schema}} for key, schema in _forms(inputs)]
    schema: dict[str, Any] = {"type": "object", "oneOf": forms}
    schema["properties"] = {"client_request_id": {"type": "string"}}
    if params:
        properties = {spec["name"]: _spec_schema(spec) for spec in params}
        schema["properties"]["params"] = {"type": "object", "properties": properties}
    return schema


def _forms(inputs: list[dict[str, Any]] | None) -> list[tuple[str, dict[str, Any]]]:
    """(key of the request body, schema) for each accepted format. Unnamed tensors have no data frame format."""
    tensors: list[tuple[str, dict[str, Any]]] = [("instances", {}), ("inputs", _tensor_inputs(inputs))]
    if inputs and inputs[0].get("type") == "tensor" and "name" not in inputs[0]:
        return tensors
    records = {"type": "array", "items": _row_schema(inputs)}
    return [("dataframe_records", records), ("dataframe_split", _split_schema(inputs)), *tensors]


def _tensor_inputs(inputs: list[dict[str, Any]] | None) -> dict[str, Any]:
    if inputs and len(inputs) == 1 and "name" not in inputs[0]:
        return _spec_schema(inputs[0])
    return {}


def _row_schema(specs: list[dict[str, Any]] | None) -> dict[str, Any]:
    named = [spec for spec in specs or [] if "name" in spec]
    return {
        "type": "object",
        "properties": {spec["name"]: _spec_schema(spec) for spec in named},
        "required": [spec["name"] for spec in named if spec.get("required", True)],
    }


def _split_schema(inputs: list[dict[str, Any]] | None) -> dict[str, Any]:
    names = [spec["name"] for spec in inputs or [] if "name" in spec]
    columns: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    if names:
        columns["example"] = names
    rows = {"type": "array", "items": {"type": "array"}}
    index = {"type": "array", "items": {"type": "integer"}}
    return {"type": "object", "required": ["data"], "properties": {"columns": columns, "data": rows, "index": index}}


def _predictions(signature: dict[str, Any]) -> dict[str, Any]:
    outputs = signature.get("outputs")
    if not outputs:
        return {}
    if len(outputs) == 1:
        return {"type": "array"}
    return {"type": "array", "items": _row_schema(outputs)}


def _spec_schema(spec: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of one column, tensor, array, object or map of a signature."""
    kind = spec.get("type")
    if kind == "tensor":
        schema: dict[str, Any] = {}
        for size in reversed(spec["tensor-spec"]["shape"]):
            schema = {"type": "array", "items": schema} | ({} if size < 0 else {"minItems": size, "maxItems": size})
        return schema
    if kind == "array":
        return {"type": "array", "items": _spec_schema(spec["items"])}
    if kind == "object":
        properties = {key: _spec_schema(value) for key, value in spec.get("properties", {}).items()}
        return {"type": "object", "properties": properties}
    if kind == "map":
        return {"type": "object", "additionalProperties": _spec_schema(spec["values"])}
    return dict(_COLUMN_TYPES.get(str(kind), {}))
