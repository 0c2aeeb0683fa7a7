"""Resource schemas, read from ``schema.json`` and converted to protobuf for Terraform.

``tf`` 1.2.0 supports only SET blocks, so this module creates the protobuf of nested blocks.
Keys of an attribute: type, required, optional, computed, sensitive, deprecated, force_new, default,
case_insensitive. Keys of a block: mode (list, set, single), min_items, max_items, computed,
deprecated, attributes, blocks.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tf.gen import tfplugin_pb2 as pb

Spec = dict[str, Any]
State = dict[str, Any]

_NESTING = {
    "list": pb.Schema.NestedBlock.NestingMode.LIST,
    "set": pb.Schema.NestedBlock.NestingMode.SET,
    "single": pb.Schema.NestedBlock.NestingMode.SINGLE,
}


@cache
def resource_specs() -> dict[str, Spec]:
    """Specs by resource type name."""
    specs: dict[str, Spec] = json.loads(Path(__file__).with_name("schema.json").read_text())
    return specs


def schema_message(spec: Spec) -> Any:
    return pb.Schema(version=0, block=_block_message(spec))


def complete(spec: Spec, value: State) -> State:
    """``value`` with exactly the attributes and blocks of the schema: Terraform rejects incomplete objects."""
    out: State = {name: value.get(name) for name in spec["attributes"]}
    for name, block in spec.get("blocks", {}).items():
        out[name] = _complete_block(block, value.get(name))
    return out


def _complete_block(block: Spec, value: Any) -> Any:
    if block["mode"] == "single":
        return complete(block, value) if isinstance(value, dict) else value
    if value is None:
        return []
    return [complete(block, item) for item in value] if isinstance(value, list) else value


def _block_message(spec: Spec) -> Any:
    return pb.Schema.Block(
        version=0,
        attributes=[_attribute_message(name, a) for name, a in spec["attributes"].items()],
        block_types=[_nested_message(name, b) for name, b in spec.get("blocks", {}).items()],
        deprecated=spec.get("deprecated", False),
    )


def _attribute_message(name: str, attribute: Spec) -> Any:
    flags = ("required", "optional", "computed", "sensitive", "deprecated")
    return pb.Schema.Attribute(
        name=name,
        type=json.dumps(attribute["type"]).encode(),
        **{flag: attribute.get(flag, False) for flag in flags},
    )


def _nested_message(name: str, block: Spec) -> Any:
    return pb.Schema.NestedBlock(
        type_name=name,
        block=_block_message(block),
        nesting=_NESTING[block["mode"]],
        min_items=block.get("min_items", 0),
        max_items=block.get("max_items", 0),
    )
