"""Sentences that describe changes of a serving endpoint to the owners of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

State = Mapping[str, Any]

# (minimum, maximum) of concurrent requests. The minimum becomes 0 with scale to zero.
# Source: Databricks, "Create custom model serving endpoints", workload sizes.
_CONCURRENCY = {"Small": (4, 4), "Medium": (8, 16), "Large": (16, 64)}
_RANGE = "{}\N{EN DASH}{}"
_LEVELS = {"CAN_VIEW": "may view", "CAN_QUERY": "may query", "CAN_MANAGE": "may manage"}
_PRINCIPALS = {"group_name": "group", "user_name": "user", "service_principal_name": "service principal"}


@dataclass(frozen=True)
class ServedEntity:
    name: str
    model: str
    version: str
    size: str
    hardware: str
    scales_to_zero: bool
    environment: Mapping[str, str]

    @classmethod
    def read(cls, raw: State) -> ServedEntity:
        return cls(
            name=raw.get("name") or "",
            model=raw.get("entity_name") or "",
            version=raw.get("entity_version") or "",
            size=raw.get("workload_size") or "",
            hardware=raw.get("workload_type") or "CPU",
            scales_to_zero=bool(raw.get("scale_to_zero_enabled")),
            environment=raw.get("environment_vars") or {},
        )

    @property
    def shape(self) -> str:
        parts = [self.size] if self.size else []
        if self.size in _CONCURRENCY:
            parts.append(f"{concurrency(self.size, self.scales_to_zero)} concurrent requests")
        if self.hardware != "CPU":
            parts.append(self.hardware)
        parts.append("scales to zero" if self.scales_to_zero else "always on")
        return ", ".join(parts)

    @property
    def title(self) -> str:
        return f"{self.model} version {self.version} ({self.shape})"


@dataclass(frozen=True)
class Pair:
    """A served entity before and after the change; None if it does not exist there."""

    before: ServedEntity | None
    after: ServedEntity | None


def concurrency(size: str, scales_to_zero: bool) -> str:
    """The range of concurrent requests of a workload size, with an en dash: 8 to 16 for Medium."""
    fewest, most = _CONCURRENCY[size]
    fewest = 0 if scales_to_zero else fewest
    return str(most) if fewest == most else _RANGE.format(fewest, most)


def create_sentences(after: State) -> list[str]:
    entities = _entities(after)
    served = " and ".join(entity.title for entity in entities)
    told = [*_route_problems(after), f"Create endpoint {after.get('name')} serving {served}"]
    if len(entities) > 1:
        labels = {entity.name: _label(entity) for entity in entities}
        shares = {labels.get(name, name): share for name, share in _routes(after).items()}
        told.append("Traffic: " + ", ".join(f"{label} {share} %" for label, share in shares.items()))
    return told + list(_inference_sentences({}, after))


def replace_sentences(before: State, after: State, reason: str) -> list[str]:
    told = ["URL changes: the endpoint is deleted and created again"]
    if reason == "replace_because_tainted":
        told = ["URL changes: creating the endpoint failed halfway, so it is deleted and created again"]
    if before.get("name") != after.get("name"):
        told.append(f"Endpoint name {before.get('name')} → {after.get('name')}")
    return told + create_sentences(after)


def delete_sentence(before: State) -> str:
    return f"Delete endpoint {before.get('name')}: its URL stops answering"


def import_sentence(after: State) -> str:
    name = after.get("name")
    return f"Import the existing endpoint {name}" if name else "Import an existing resource"


def update_sentences(before: State, after: State) -> list[str]:
    told = list(_served_sentences(before, after))
    told += _inference_sentences(before, after)
    told += _usage_sentences(before, after)
    tags = ", ".join(_tag_changes(_tags(before), _tags(after)))
    if tags:
        told.append(f"Tags: {tags}" if told else f"Tags only, no redeploy: {tags}")
    return told


def _served_sentences(before: State, after: State) -> Iterator[str]:
    if _config(before) and not _config(after):
        # The provider silently ignores the removal.
        yield "No change of the served versions: the config block is missing, so the endpoint keeps its configuration"
        return
    yield from _route_problems(after)
    pairs = _pair(_entities(before), _entities(after))
    for pair in pairs:
        yield from _entity_sentences(pair, len(pairs) > 1)
    yield from _traffic_sentences(pairs, before, after)


def _route_problems(after: State) -> Iterator[str]:
    """Problems with routes that make the workspace reject the configuration."""
    entities, routes = _entities(after), _routes(after)
    if not entities:
        return
    total = sum(routes.values())
    if total != 100:
        yield f"The workspace will reject this: the routes sum to {total} %, not 100 %"
    for entity in entities:
        if entity.name not in routes:
            yield f"The workspace will reject this: {_label(entity)} has no route"


def permission_sentences(before: State, after: State) -> list[str]:
    old, new = _rules(before), _rules(after)
    told = [f"{who} {_level(level)}" for who, level in new.items() if who not in old]
    told += [
        f"{who} {_level(old[who])} → {_level(level)}" for who, level in new.items() if old.get(who, level) != level
    ]
    told += [f"{who} no longer {_level(level)}" for who, level in old.items() if who not in new]
    return [f"Permissions: {', '.join(told)}"] if told else []


def _config(state: State) -> State:
    config = state.get("config") or [{}]
    return config[0] if isinstance(config[0], Mapping) else {}


def _entities(state: State) -> list[ServedEntity]:
    return [ServedEntity.read(raw) for raw in _config(state).get("served_entities") or []]


def _routes(state: State) -> dict[str, int]:
    traffic = _config(state).get("traffic_config") or [{}]
    routes = (traffic[0] if isinstance(traffic[0], Mapping) else {}).get("routes") or []
    entities = _entities(state)
    if not routes and len(entities) == 1:
        # Without routes, the server sends all traffic to the only entity.
        return {entities[0].name: 100}
    return {
        route.get("served_entity_name") or route.get("served_model_name") or "": route.get("traffic_percentage") or 0
        for route in routes
    }


def _label(entity: ServedEntity) -> str:
    return f"v{entity.version}" if entity.version else entity.name


def _pair(before: list[ServedEntity], after: list[ServedEntity]) -> list[Pair]:
    """Pair served entities by name. A removed entity and the added one that replaces it are a pair, too."""
    new_names = {entity.name for entity in after}
    old = {entity.name: entity for entity in before}
    gone = [entity for entity in before if entity.name not in new_names]
    came = [entity for entity in after if entity.name not in old]
    # Equal numbers mean that versions change. Otherwise versions are added or removed.
    is_swap = len(gone) == len(came)
    successors = {new.name: was for was, new in zip(gone, came, strict=False)} if is_swap else {}
    pairs = [Pair(old.get(new.name) or successors.get(new.name), new) for new in after]
    return pairs if is_swap else pairs + [Pair(was, None) for was in gone]


def _entity_sentences(pair: Pair, is_one_of_many: bool) -> Iterator[str]:
    before, after = pair.before, pair.after
    if before is None and after is not None:
        yield f"Add {after.title}"
    elif after is None and before is not None:
        yield f"Remove {before.model} version {before.version}"
    elif before is not None and after is not None:
        where = f" ({_label(after)})" if is_one_of_many else ""
        yield from (f"{sentence}{where}" for sentence in _entity_changes(before, after))


def _entity_changes(before: ServedEntity, after: ServedEntity) -> Iterator[str]:
    if before.model != after.model:
        yield f"Model {before.model} version {before.version} → {after.model} version {after.version}"
    elif before.version != after.version:
        yield f"Model version {before.version} → {after.version}"
    if before.size != after.size:
        yield _size_change(before.size, after.size)
    if before.hardware != after.hardware:
        yield f"Hardware {before.hardware} → {after.hardware}"
    if before.scales_to_zero != after.scales_to_zero:
        yield "Scales to zero when idle" if after.scales_to_zero else "No longer scales to zero: always on"
    changed = _changed_names(before.environment, after.environment)
    if changed:
        yield f"Environment variables: {', '.join(changed)}"


def _size_change(before: str, after: str) -> str:
    if before in _CONCURRENCY and after in _CONCURRENCY:
        return f"{before} → {after}: {concurrency(before, False)} → {concurrency(after, False)} concurrent"
    return f"Size {before or 'not set'} → {after or 'not set'}"


def _changed_names(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    added = [f"{name} added" for name in after if name not in before]
    changed = [f"{name} changed" for name in after if name in before and before[name] != after[name]]
    return added + changed + [f"{name} removed" for name in before if name not in after]


def _traffic_sentences(pairs: list[Pair], before: State, after: State) -> Iterator[str]:
    old, new = _routes(before), _routes(after)
    moves = []
    for pair in pairs:
        entity = pair.after or pair.before
        was = old.get(pair.before.name, 0) if pair.before else 0
        becomes = new.get(pair.after.name, 0) if pair.after else 0
        if entity is not None and was != becomes:
            moves.append(f"{_label(entity)} {was} % → {becomes} %")
    if moves:
        yield f"Traffic: {', '.join(moves)}"


def _gateway(state: State, block: str) -> State:
    gateway = state.get("ai_gateway") or [{}]
    found = gateway[0].get(block) or [{}]
    return found[0] if isinstance(found[0], Mapping) else {}


def _payload_table(state: State) -> str:
    """Full name of the inference table; "" if it is not enabled."""
    table = _gateway(state, "inference_table_config")
    if not table.get("enabled"):
        return ""
    prefix = table.get("table_name_prefix") or state.get("name")
    return f"{table.get('catalog_name')}.{table.get('schema_name')}.{prefix}_payload"


def _inference_sentences(before: State, after: State) -> Iterator[str]:
    old, new = _payload_table(before), _payload_table(after)
    if old == new:
        return
    if not new:
        yield f"Inference table off: payloads no longer go to {old}"
    elif not old:
        yield f"Inference table on: payloads go to {new}"
    else:
        yield f"Inference table: payloads go to {new} instead of {old}"


def _usage_sentences(before: State, after: State) -> Iterator[str]:
    old, new = (bool(_gateway(state, "usage_tracking_config").get("enabled")) for state in (before, after))
    if old != new:
        yield "Usage tracking on" if new else "Usage tracking off"


def _tags(state: State) -> dict[str, str]:
    return {tag["key"]: tag.get("value") or "" for tag in state.get("tags") or []}


def _tag_changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for key in sorted({*before, *after}):
        if key not in before:
            yield f"{key} set to {after[key]}"
        elif key not in after:
            yield f"{key} removed"
        elif before[key] != after[key]:
            yield f"{key} {before[key]} → {after[key]}"


def _rules(state: State) -> dict[str, str]:
    """{principal: permission level}, for example {"group fraud": "CAN_QUERY"}."""
    return {
        f"{word} {rule[key]}": rule.get("permission_level") or ""
        for rule in state.get("access_control") or []
        for key, word in _PRINCIPALS.items()
        if rule.get(key)
    }


def _level(level: str) -> str:
    return _LEVELS.get(level, level)
