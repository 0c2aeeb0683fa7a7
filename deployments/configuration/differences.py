"""The differences between the requested and the live configuration of an endpoint, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.configuration.reading import DEFAULT_WORKLOAD_TYPE, variables_of
from deployments.deployment.specs import RESERVED_TAGS
from deployments.rollouts.entities import entities_of
from integrations.databricks.records import Endpoint

NOTHING = "\N{EN DASH}"
Entity = Mapping[str, Any]
Variables = Mapping[str, Any]


@dataclass(frozen=True)
class FieldDifference:
    """One field that differs, by its readable name. Never contains values of environment variables."""

    field: str
    intended: str
    live: str


def differences(intended: Variables, live: Endpoint | None) -> list[FieldDifference]:
    """Compare ``intended``, variables of terraform/modules/model_endpoint, with ``live``, None if the endpoint is gone.

    Ignores values that the server fills in, omitted defaults, the order of entities, routes and tags, and the tags
    that Slipway sets.
    """
    if live is None:
        return [FieldDifference("Endpoint", str(intended.get("endpoint_name", "")), "gone")]
    found = variables_of(live)
    pairs = _pairs(entities_of(intended), entities_of(found))
    told = [difference for old, new in pairs for difference in _entity(old, new, len(pairs) > 1)]
    told += _traffic(pairs, intended, found)
    tables = _table(intended.get("inference_table")), _table(found["inference_table"])
    if tables[0] != tables[1]:
        told.append(FieldDifference("Inference table", *tables))
    told += _usage_tracking(intended.get("usage_tracking"), found.get("usage_tracking"))
    return told + list(_tags(intended.get("tags") or {}, found["tags"]))


# -- served entities ------------------------------------------------------------------------------


def _pairs(intended: Sequence[Entity], live: Sequence[Entity]) -> list[tuple[Entity | None, Entity | None]]:
    """Pairs of entities with the same name. One removed and one added version also form a pair."""
    there, wanted = {row["name"]: row for row in live}, {row["name"] for row in intended}
    gone = [row for row in intended if row["name"] not in there]
    came = [row for row in live if row["name"] not in wanted]
    if len(gone) == len(came) == 1:
        there[gone[0]["name"]], came = came[0], []
    pairs: list[tuple[Entity | None, Entity | None]] = [(row, there.get(row["name"])) for row in intended]
    return pairs + [(None, row) for row in came]


def _title(entity: Entity) -> str:
    return f"{entity.get('entity_name')} version {entity.get('entity_version')}"


def _label(entity: Entity) -> str:
    version = entity.get("entity_version")
    return f"v{version}" if version else str(entity.get("name"))


def _entity(intended: Entity | None, live: Entity | None, is_one_of_many: bool) -> Iterator[FieldDifference]:
    if intended is None or live is None:
        yield FieldDifference(
            "Served version", _title(intended) if intended else NOTHING, _title(live) if live else "removed"
        )
        return
    where = f" of {_label(intended)}" if is_one_of_many else ""
    for field, old, new in _plain_fields(intended, live):
        if old != new:
            yield FieldDifference(field + where, old, new)
    yield from _environment(intended, live, where)


def _plain_fields(intended: Entity, live: Entity) -> list[tuple[str, str, str]]:
    """Fields as (name, intended, live). Includes the entity's name only if the version is the same."""
    same_version = all(intended.get(key) == live.get(key) for key in ("entity_name", "entity_version"))
    name = [("Name of the served entity", str(intended["name"]), str(live["name"]))] if same_version else []
    return [
        ("Model", _text(intended, "entity_name"), _text(live, "entity_name")),
        ("Version", _text(intended, "entity_version"), _text(live, "entity_version")),
        *name,
        ("Workload type", _workload_type(intended), _workload_type(live)),
        ("Workload size", _text(intended, "workload_size"), _text(live, "workload_size")),
        ("Scale to zero", _on(intended.get("scale_to_zero_enabled")), _on(live.get("scale_to_zero_enabled"))),
    ]


def _text(entity: Entity, key: str) -> str:
    return str(entity.get(key) or "not set")


def _workload_type(entity: Entity) -> str:
    return str(entity.get("workload_type") or DEFAULT_WORKLOAD_TYPE)


def _on(value: object) -> str:
    return "on" if value else "off"


def _environment(intended: Entity, live: Entity, where: str) -> Iterator[FieldDifference]:
    wanted, there = intended.get("environment_vars") or {}, live.get("environment_vars") or {}
    for name in sorted({*wanted, *there}):
        if name not in there:
            yield FieldDifference(f"Environment variable {name}{where}", "set", "not set")
        elif name not in wanted:
            yield FieldDifference(f"Environment variable {name}{where}", "not set", "set")
        elif wanted[name] != there[name]:
            yield FieldDifference(f"Environment variable {name}{where}", "requested value", "another value")


# -- the endpoint ---------------------------------------------------------------------------------


def _shares(variables: Variables) -> dict[str, int]:
    """Traffic in percent by served entity. Without a route: 100 for the only entity, else 0."""
    entities = entities_of(variables)
    routes = {row["served_entity_name"]: int(row["traffic_percentage"]) for row in variables.get("routes") or ()}
    if not routes and len(entities) == 1:
        return {str(entities[0]["name"]): 100}
    return {str(entity["name"]): routes.get(entity["name"], 0) for entity in entities}


def _traffic(
    pairs: list[tuple[Entity | None, Entity | None]], intended: Variables, live: Variables
) -> list[FieldDifference]:
    old, new = _shares(intended), _shares(live)
    shares = [(old.get(was["name"], 0) if was else 0, new.get(now["name"], 0) if now else 0) for was, now in pairs]
    if all(was == now for was, now in shares):
        return []
    wanted = ", ".join(f"{_label(was)} {old.get(was['name'], 0)} %" for was, _ in pairs if was)
    found = ", ".join(f"{_label(now)} {new.get(now['name'], 0)} %" for _, now in pairs if now)
    return [FieldDifference("Traffic", wanted or NOTHING, found or NOTHING)]


def _table(table: Mapping[str, Any] | None) -> str:
    """The full name of the inference table, or "off" if it is disabled or was never configured."""
    if not table or not table.get("enabled", True):
        return "off"
    return f"{table.get('catalog_name')}.{table.get('schema_name')}.{table.get('table_name_prefix')}_payload"


def _usage_tracking(intended: bool | None, live: bool | None) -> list[FieldDifference]:
    """Compared only if Slipway manages usage tracking."""
    if intended is None or intended == bool(live):
        return []
    return [FieldDifference("Usage tracking", _on(intended), _on(live))]


def _tags(intended: Mapping[str, str], live: Mapping[str, str]) -> Iterator[FieldDifference]:
    for name in sorted({*intended, *live}):
        if name in RESERVED_TAGS and name not in intended:
            continue
        old, new = intended.get(name), live.get(name)
        if (old or "") != (new or "") or (old is None) != (new is None):
            yield FieldDifference(f"Tag {name}", _tag(old), _tag(new))


def _tag(value: str | None) -> str:
    return "not set" if value is None else value or "empty"
