"""databricks_permissions of a serving endpoint.

Each write replaces the whole list. The provider adds CAN_MANAGE for the caller and hides it unless it is configured.
Inherited entries and those of the group ``admins`` are not managed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from standin_databricks.client import ApiError
from standin_databricks.resources.base import PartialStateError, Resource, ResourceError, only_known
from standin_databricks.schema import State
from standin_databricks.wire import is_known

_PRINCIPALS = ("group_name", "service_principal_name", "user_name")
_LEVELS = ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE")
_OBJECT_TYPE = "serving-endpoint"
_PREFIX = "/serving-endpoints/"
_READ_RETRIES = 5


class Permissions(Resource):
    type_name = "databricks_permissions"

    def validate(self, config: State) -> Iterator[str]:
        if config.get("serving_endpoint_id") is None:
            yield "the stand-in manages permissions of serving endpoints only: set serving_endpoint_id"
        rules = config.get("access_control")
        for rule in rules if isinstance(rules, list) else []:
            yield from _rule_problems(rule)

    def import_state(self, identifier: str) -> State:
        if not identifier.startswith(_PREFIX):
            raise ResourceError(f"expected an id like {_PREFIX}<serving_endpoint_id>, got {identifier!r}")
        return {"id": identifier}

    def create(self, planned: State) -> State:
        identifier = f"{_PREFIX}{planned['serving_endpoint_id']}"
        self._put(identifier, self._with_me(planned["access_control"]))
        return self._read_back(planned, identifier)

    def read(self, state: State) -> State | None:
        try:
            answer = self._get(state["id"])
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        return self._to_state(answer, state)

    def update(self, prior: State, planned: State) -> State:
        self._put(prior["id"], self._with_me(planned["access_control"]))
        return self._read_back(planned, prior["id"])

    def delete(self, prior: State) -> None:
        try:
            answer = self._get(prior["id"])
            me = {"user_name": self.workspace.current_user, "permission_level": "CAN_MANAGE"}
            self._put(prior["id"], [me, *_direct_admin_rules(answer)])
        except ApiError as error:
            if not error.is_not_found:
                raise

    def _get(self, identifier: str) -> dict[str, Any]:
        for attempts_left in reversed(range(_READ_RETRIES)):
            try:
                return self.workspace.call("GET", f"/api/2.0/permissions{identifier}")
            except ApiError as error:
                # 504: the permissions service often times out, and a retry succeeds.
                if error.code != "DEADLINE_EXCEEDED" or not attempts_left:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _put(self, identifier: str, rules: list[dict[str, Any]]) -> None:
        self.workspace.call("PUT", f"/api/2.0/permissions{identifier}", body={"access_control_list": rules})

    def _with_me(self, rules: list[State]) -> list[dict[str, Any]]:
        me = self.workspace.current_user
        wanted = [{key: value for key, value in rule.items() if value} for rule in rules]
        mine = [rule for rule in wanted if me in (rule.get("user_name"), rule.get("service_principal_name"))]
        if any(rule["permission_level"] != "CAN_MANAGE" for rule in mine):
            raise ResourceError(f"permissions of {me}, who applies this, cannot be lowered below CAN_MANAGE")
        return wanted if mine else [*wanted, {"user_name": me, "permission_level": "CAN_MANAGE"}]

    def _read_back(self, planned: State, identifier: str) -> State:
        known = only_known(planned) | {"id": identifier, "object_type": _OBJECT_TYPE}
        try:
            state = self._to_state(self._get(identifier), planned | {"id": identifier})
        except ApiError as error:
            raise PartialStateError(f"reading permissions back: {error}", known) from error
        return state or known

    def _to_state(self, answer: dict[str, Any], reference: State) -> State | None:
        if answer.get("object_type") != _OBJECT_TYPE:
            raise ResourceError(f"expected permissions of a {_OBJECT_TYPE}, got {answer.get('object_type')!r}")
        configured = reference.get("access_control") or []
        rules = [rule for rule in _direct_rules(answer) if self._is_shown(rule, configured)]
        if not rules:
            return None
        state: State = dict.fromkeys(self.spec["attributes"])
        return state | {
            "id": reference["id"],
            "object_type": _OBJECT_TYPE,
            "serving_endpoint_id": reference["id"].removeprefix(_PREFIX),
            "access_control": rules,
        }

    def _is_shown(self, rule: State, configured: list[State]) -> bool:
        if rule["group_name"] == "admins":
            return False
        name = _principal(rule)
        return name != self.workspace.current_user or name in [_principal(known) for known in configured]


def _principal(rule: State) -> str | None:
    return next((rule[key] for key in _PRINCIPALS if rule.get(key)), None)


def _direct_rules(answer: dict[str, Any]) -> list[State]:
    """One rule per permission granted directly on the object."""
    return [
        {
            **{key: entry.get(key) or None for key in _PRINCIPALS},
            "permission_level": permission["permission_level"],
        }
        for entry in answer.get("access_control_list") or []
        for permission in entry.get("all_permissions") or []
        if not permission.get("inherited")
    ]


def _direct_admin_rules(answer: dict[str, Any]) -> list[dict[str, Any]]:
    rules = [rule for rule in _direct_rules(answer) if rule["group_name"] == "admins"]
    return [{key: value for key, value in rule.items() if value} for rule in rules]


def _rule_problems(rule: State) -> Iterator[str]:
    if not is_known(rule):
        return
    level = rule.get("permission_level")
    if is_known(level) and level not in _LEVELS:
        yield f"permission_level {level!r} is not one of {', '.join(_LEVELS)}"
    principals = [rule.get(key) for key in _PRINCIPALS]
    if all(is_known(name) for name in principals) and sum(name is not None for name in principals) != 1:
        yield f"access_control needs exactly one of {', '.join(_PRINCIPALS)}"
    if rule.get("group_name") == "admins":
        yield "it is not possible to change permissions of the group admins"
