"""databricks_model_serving: a serving endpoint.

The calls and drift rules follow version 1.99 of the real provider. Create is POST, poll and GET, or DELETE if the
poll fails. Update sends ``PUT config`` only if the configuration has changed, then tag changes, then the AI gateway.
Description, budget policy, notifications and the top-level rate limits are never sent on update.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from standin_databricks.client import ApiError, StoppedError
from standin_databricks.durations import parse_duration_s
from standin_databricks.payload import from_api, to_api
from standin_databricks.resources.base import PartialStateError, Resource, ResourceError, only_known
from standin_databricks.resources.serving_wait import WaitError, wait_until_settled
from standin_databricks.schema import State
from standin_databricks.wire import is_known

BASE_PATH = "/api/2.0/serving-endpoints"
_DEFAULT_TIMEOUT = "45m"
_COMPUTED_AT_TOP = ("id", "endpoint_url", "serving_endpoint_id", "timeouts")


class ModelServing(Resource):
    type_name = "databricks_model_serving"

    def validate(self, config: State) -> Iterator[str]:
        yield from _timeout_problems(config.get("timeouts"))
        core = _first(config.get("config"))
        if core and all(_first(core.get(name)) for name in ("served_entities", "served_models")):
            yield '"config.served_entities": conflicts with config.served_models'

    def customize_plan(self, prior: State | None, planned: State) -> State:
        routes, before = _routes(planned), _routes(prior or {})
        for route, old in zip(routes, before, strict=False):
            _suppress_route_name(route, old)
        return planned

    def import_state(self, identifier: str) -> State:
        return {"id": identifier, "name": identifier}

    def create(self, planned: State) -> State:
        name = planned["name"]
        created = self.workspace.call("POST", BASE_PATH, body=self._create_body(planned))
        partial = only_known(planned) | {"id": name, "serving_endpoint_id": created.get("id")}
        try:
            self._wait(name, _timeout_s(planned, "create"))
        except StoppedError as error:
            raise PartialStateError(f"endpoint {name} was left as it was: {error}", partial) from error
        except (WaitError, ApiError) as error:
            self._remove_failed(name, error, partial)
        return self._read_after_change(planned)

    def read(self, state: State) -> State | None:
        try:
            answer = self.workspace.call("GET", _path(state["id"]))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        return self._to_state(answer, state)

    def update(self, prior: State, planned: State) -> State:
        name = prior["id"]
        if planned["config"] != prior["config"] and planned["config"]:
            spec = self.spec["blocks"]["config"]
            self.workspace.call("PUT", f"{_path(name)}/config", body=to_api(spec, planned["config"][0]))
            self._wait_for_update(name, prior, planned)
        if _by_key(planned["tags"]) != _by_key(prior["tags"]):
            self._patch_tags(name, _by_key(planned["tags"]))
        if planned["ai_gateway"] != prior["ai_gateway"]:
            self._put_ai_gateway(name, planned["ai_gateway"])
        return self._read_after_change(planned)

    def delete(self, prior: State) -> None:
        try:
            self.workspace.call("DELETE", _path(prior["id"]))
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _create_body(self, planned: State) -> dict[str, Any]:
        spec = {
            "attributes": {k: a for k, a in self.spec["attributes"].items() if k not in _COMPUTED_AT_TOP},
            "blocks": {k: b for k, b in self.spec["blocks"].items() if k not in _COMPUTED_AT_TOP},
        }
        body = to_api(spec, planned)
        # The real provider omits false and "", as Go's JSON encoder does.
        return {key: value for key, value in body.items() if value not in (False, "")}

    def _wait(self, name: str, timeout_s: float) -> None:
        def read() -> dict[str, Any]:
            return self.workspace.call("GET", _path(name))

        wait_until_settled(read, timeout_s=timeout_s, stop=self.workspace.stop)

    def _wait_for_update(self, name: str, prior: State, planned: State) -> None:
        try:
            self._wait(name, _timeout_s(planned, "update"))
        except (WaitError, StoppedError) as error:
            raise PartialStateError(f"update of endpoint {name}: {error}", prior) from error

    def _remove_failed(self, name: str, error: Exception, partial: State) -> None:
        """Delete an endpoint that failed to start, and raise its error."""
        try:
            self.delete({"id": name})
        except (ApiError, StoppedError) as second:
            message = f"endpoint {name}: {error}; it could not be deleted either: {second}"
            raise PartialStateError(message, partial) from error
        raise ResourceError(f"endpoint {name}: {error}") from error

    def _patch_tags(self, name: str, wanted: dict[str, Any]) -> None:
        current = _by_key(self.workspace.call("GET", _path(name)).get("tags"))
        changes: dict[str, Any] = {}
        added = [{"key": k, "value": v} for k, v in wanted.items() if k not in current or current[k] != v]
        deleted = [key for key in current if key not in wanted]
        if added:
            changes["add_tags"] = added
        if deleted:
            changes["delete_tags"] = deleted
        if changes:
            self.workspace.call("PATCH", f"{_path(name)}/tags", body=changes)

    def _put_ai_gateway(self, name: str, planned: list[State]) -> None:
        if not planned:
            raise ResourceError("an ai_gateway block cannot be removed: keep it, with enabled = false inside")
        spec = self.spec["blocks"]["ai_gateway"]
        self.workspace.call("PUT", f"{_path(name)}/ai-gateway", body=to_api(spec, planned[0]))

    def _read_after_change(self, planned: State) -> State:
        try:
            return self._to_state(self.workspace.call("GET", _path(planned["name"])), planned)
        except (ApiError, StoppedError) as error:
            state = only_known(planned) | {"id": planned["name"]}
            raise PartialStateError(f"reading endpoint {planned['name']} back: {error}", state) from error

    def _to_state(self, answer: dict[str, Any], reference: State) -> State:
        is_import = not reference.get("config")
        answer = _drop_twin(answer, reference)
        state = from_api(self.spec, _in_order(answer, reference), None if is_import else reference)
        state["id"] = answer["name"]
        state["serving_endpoint_id"] = answer.get("id")
        state["endpoint_url"] = answer.get("endpoint_url") or ""
        state["timeouts"] = reference.get("timeouts")
        if is_import:
            state["route_optimized"] = state["route_optimized"] or None
        _drop_route_twins(state, reference)
        return state


def _path(name: str) -> str:
    return f"{BASE_PATH}/{quote(name, safe='')}"


def _first(block: Any) -> State | None:
    return block[0] if isinstance(block, list) and block else None


def _routes(state: State) -> list[State]:
    core = _first(state.get("config"))
    traffic = _first(core.get("traffic_config")) if core else None
    routes = traffic.get("routes") if traffic else None
    return routes if isinstance(routes, list) else []


def _by_key(tags: Any) -> dict[str, Any]:
    return {tag["key"]: tag.get("value") or "" for tag in tags or []}


def _drop_twin(answer: dict[str, Any], reference: State) -> dict[str, Any]:
    """Keep only the configured one of served_entities and served_models: the API returns both."""
    configured = _first(reference.get("config")) or {}
    twin = "served_entities" if configured.get("served_models") else "served_models"
    core = answer.get("config")
    if not core:
        return answer
    return answer | {"config": {key: value for key, value in core.items() if key != twin}}


def _in_order(answer: dict[str, Any], reference: State) -> dict[str, Any]:
    """Sort served entities by name as in ``reference``: the API returns them in any order."""
    configured = _first(reference.get("config")) or {}
    key = "served_models" if configured.get("served_models") else "served_entities"
    items = (answer.get("config") or {}).get(key)
    if not items:
        return answer
    rank = {item.get("name"): i for i, item in enumerate(configured.get(key) or [])}
    ranked = sorted(items, key=lambda item: rank.get(item.get("name"), len(rank)))
    return answer | {"config": answer["config"] | {key: ranked}}


def _suppress_route_name(route: State, old: State) -> None:
    """Ignore a difference only in the key of a route's target, which has two names."""
    names = ("served_entity_name", "served_model_name")
    wanted = {route.get(name) for name in names} - {None, ""}
    known = {old.get(name) for name in names} - {None, ""}
    if wanted == known and len(wanted) == 1 and all(is_known(value) for value in wanted):
        route.update({name: old.get(name) for name in names})


def _drop_route_twins(state: State, reference: State) -> None:
    """Keep only the configured name of a route's target: the API returns both."""
    known = _routes(reference)
    for index, route in enumerate(_routes(state)):
        if route["served_entity_name"] != route["served_model_name"]:
            continue
        configured = known[index] if index < len(known) else {"served_entity_name": route["served_entity_name"]}
        for name in ("served_entity_name", "served_model_name"):
            route[name] = route[name] if configured.get(name) else None


def _timeout_s(planned: State, operation: str) -> float:
    configured = (planned.get("timeouts") or {}).get(operation)
    return parse_duration_s(configured or _DEFAULT_TIMEOUT)


def _timeout_problems(timeouts: Any) -> Iterator[str]:
    if not isinstance(timeouts, dict):
        return
    for operation, text in timeouts.items():
        if not isinstance(text, str):
            continue
        try:
            parse_duration_s(text)
        except ValueError as error:
            yield f'"timeouts.{operation}": {error}'
