"""The few routes of a Databricks workspace that the provider calls, with faults on demand.

It is for faults that a working workspace does not have: an error after the effect, an endpoint that never
comes up, a build that fails, an answer that never comes.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.terraform.loopback import Answer, Request

TOKEN = "dapi-canary-token"
CLIENT_ID = "0aa00aa0-0000-4000-8000-000000000000"
CLIENT_SECRET = "canary-client-secret"
ENDPOINTS = "/api/2.0/serving-endpoints"
PERMISSIONS = "/api/2.0/permissions/serving-endpoints/"
MODELS = "/api/2.1/unity-catalog/models"
_NOT_UPDATING = "NOT_UPDATING"

Fault = Callable[[Request], Answer | None]


@dataclass
class FakeWorkspace:
    """``polls_until_ready``: GETs that still say IN_PROGRESS. ``build_error``: the next builds fail with it."""

    url: str = ""
    me: str = CLIENT_ID
    polls_until_ready: int = 1
    build_error: str = ""
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    permissions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    before: list[Fault] = field(default_factory=list)
    after: list[Fault] = field(default_factory=list)
    polls: int = 0
    made: int = 0
    guard: threading.RLock = field(default_factory=threading.RLock)

    def respond(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.path.startswith(("/.well-known", "/oidc")):
            return self._login(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _error(401, "UNAUTHENTICATED", "who are you?")
        for fault in self.before:
            answer = fault(request)
            if answer:
                return answer
        with self.guard:
            answer = self._route(request)
        for fault in self.after:
            answer = fault(request) or answer
        return answer

    def changes(self) -> list[tuple[str, str]]:
        """Method and path of every call that changes something, in order; forgets them."""
        found = [(r.method, r.path) for r in self.requests if r.method != "GET" and r.path.startswith("/api")]
        self.requests.clear()
        return found

    def body_of(self, method: str, path: str) -> Any:
        return next(r.json for r in reversed(self.requests) if (r.method, r.path) == (method, path))

    def _login(self, request: Request) -> Answer:
        if request.path == "/.well-known/databricks-config":
            return Answer(200, {"oidc_endpoint": f"{self.url}/oidc"})
        if request.method == "GET":
            endpoints = {"token_endpoint": f"{self.url}/oidc/v1/token", "authorization_endpoint": self.url}
            return Answer(200, endpoints)
        return Answer(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})

    def _route(self, request: Request) -> Answer:
        if request.path == "/api/2.0/preview/scim/v2/Me":
            return Answer(200, {"id": "1", "userName": self.me})
        if request.path.startswith(PERMISSIONS):
            return self._permissions(request, request.path.removeprefix(PERMISSIONS))
        if request.path.startswith(MODELS):
            return self._model_call(request, request.path.removeprefix(MODELS).strip("/"))
        if request.path == ENDPOINTS and request.method == "GET":
            return Answer(200, {"endpoints": [self._poll(row) for row in self.endpoints.values()]})
        if request.path == ENDPOINTS and request.method == "POST":
            return self._create(request.json)
        name, _, action = request.path.removeprefix(f"{ENDPOINTS}/").partition("/")
        if name not in self.endpoints:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", f"Endpoint with name '{name}' does not exist.")
        return self._endpoint_call(request, name, action)

    def _endpoint_call(self, request: Request, name: str, action: str) -> Answer:
        endpoint = self.endpoints[name]
        if request.method == "GET":
            return Answer(200, self._poll(endpoint))
        if request.method == "DELETE":
            del self.endpoints[name]
            return Answer(200, {})
        if action == "config":
            self._begin(endpoint, request.json)
        elif action == "tags":
            return self._patch_tags(endpoint, request.json)
        else:
            endpoint["ai_gateway"] = request.json
        return Answer(200, endpoint)

    def _create(self, body: dict[str, Any]) -> Answer:
        if body["name"] in self.endpoints:
            return _error(409, "RESOURCE_ALREADY_EXISTS", f"Endpoint with name '{body['name']}' already exists.")
        self.made += 1
        endpoint: dict[str, Any] = {key: body[key] for key in ("tags", "ai_gateway", "route_optimized") if key in body}
        endpoint |= {"id": f"{self.made:032x}", "name": body["name"], "description": "", "state": {}}
        self.endpoints[body["name"]] = endpoint
        self._begin(endpoint, body["config"])
        self.permissions.setdefault(endpoint["id"], [_entry({"user_name": self.me}, "CAN_MANAGE")])
        return Answer(200, endpoint)

    def _begin(self, endpoint: dict[str, Any], config: dict[str, Any]) -> None:
        config = copy.deepcopy(config)
        if "served_models" in config:
            config["served_entities"] = [_as_entity(model) for model in config["served_models"]]
        for entity in config["served_entities"]:
            entity.setdefault("workload_type", "CPU")
        for route in config.get("traffic_config", {}).get("routes", []):
            target = route.get("served_entity_name") or route["served_model_name"]
            route |= {"served_entity_name": target, "served_model_name": target}
        config["served_models"] = [_as_model(entity) for entity in config["served_entities"]]
        self.polls = 0
        endpoint["pending_config"] = config
        endpoint["state"] = {"ready": "NOT_READY", "config_update": "IN_PROGRESS"}

    def _poll(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        self.polls += 1
        if endpoint["state"]["config_update"] == "IN_PROGRESS" and self.polls > self.polls_until_ready:
            self._finish(endpoint)
        return endpoint

    def _finish(self, endpoint: dict[str, Any]) -> None:
        if self.build_error:
            for entity in endpoint["pending_config"]["served_entities"]:
                entity["state"] = {"deployment_state_message": self.build_error}
            endpoint["state"]["config_update"] = "UPDATE_FAILED"
            return
        config = endpoint.pop("pending_config")
        # The order of served entities means nothing to the workspace.
        config["served_entities"].sort(key=lambda entity: entity["entity_version"], reverse=True)
        endpoint["config"] = config
        endpoint["state"] = {"ready": "READY", "config_update": _NOT_UPDATING}

    def _patch_tags(self, endpoint: dict[str, Any], body: dict[str, Any]) -> Answer:
        tags = {tag["key"]: tag for tag in endpoint.get("tags", [])}
        for key in body.get("delete_tags", []):
            tags.pop(key, None)
        tags |= {tag["key"]: tag for tag in body.get("add_tags", [])}
        endpoint["tags"] = list(tags.values())
        return Answer(200, {"tags": endpoint["tags"]})

    def _model_call(self, request: Request, full_name: str) -> Answer:
        if request.method == "POST":
            body = request.json
            full_name = f"{body['catalog_name']}.{body['schema_name']}.{body['name']}"
            self.models[full_name] = {"full_name": full_name, "owner": self.me, **body}
        if full_name not in self.models:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", f"Registered model '{full_name}' does not exist.")
        if request.method == "DELETE":
            del self.models[full_name]
            return Answer(200, {})
        if request.method == "PATCH":
            self.models[full_name] |= request.json
        return Answer(200, self.models[full_name])

    def _permissions(self, request: Request, identifier: str) -> Answer:
        if identifier not in self.permissions:
            return _error(404, "RESOURCE_DOES_NOT_EXIST", f"{identifier} does not exist.")
        if request.method == "PUT":
            rules = request.json["access_control_list"]
            self.permissions[identifier] = [_entry(rule, rule["permission_level"]) for rule in rules]
        inherited = _entry({"group_name": "admins"}, "CAN_MANAGE", inherited=True)
        entries = [*self.permissions[identifier], inherited]
        object_id = f"/serving-endpoints/{identifier}"
        body = {"object_id": object_id, "object_type": "serving-endpoint", "access_control_list": entries}
        return Answer(200, body)


def _entry(rule: dict[str, Any], level: str, inherited: bool = False) -> dict[str, Any]:
    principal = {key: rule[key] for key in ("user_name", "group_name", "service_principal_name") if key in rule}
    return principal | {"all_permissions": [{"permission_level": level, "inherited": inherited}]}


def _as_entity(model: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in model.items() if key not in ("model_name", "model_version")}
    return rest | {"entity_name": model["model_name"], "entity_version": model["model_version"]}


def _as_model(entity: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in entity.items() if key not in ("entity_name", "entity_version")}
    return rest | {"model_name": entity["entity_name"], "model_version": entity["entity_version"]}


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error_code": code, "message": message})
