"""Reads and writes Terraform's DynamicValue: msgpack with unknown values, or JSON."""

from __future__ import annotations

import json
from typing import Any

import msgpack
from msgpack.ext import ExtType
from tf.gen import tfplugin_pb2 as pb
from tf.types import Unknown

# 0 is an unknown value; 12 is an unknown value with refinements, sent since Terraform 1.6.
_UNKNOWN_CODES = frozenset({0, 12})


def read_value(value: Any) -> Any:
    if value.json:
        return json.loads(value.json)
    if not value.msgpack:
        return None
    return msgpack.unpackb(value.msgpack, ext_hook=_decode_extension)


def write_value(value: Any) -> Any:
    return pb.DynamicValue(msgpack=msgpack.packb(value, default=_encode_unknown))


def attribute_path(steps: list[str | int]) -> Any:
    """A path: strings are attributes, integers are list positions."""
    return pb.AttributePath(steps=[_step(step) for step in steps])


def is_known(value: Any) -> bool:
    return value is not Unknown


def _step(step: str | int) -> Any:
    if isinstance(step, int):
        return pb.AttributePath.Step(element_key_int=step)
    return pb.AttributePath.Step(attribute_name=step)


def _decode_extension(code: int, data: bytes) -> Any:
    return Unknown if code in _UNKNOWN_CODES else ExtType(code, data)


def _encode_unknown(value: Any) -> Any:
    return ExtType(0, b"\x00") if value is Unknown else value
