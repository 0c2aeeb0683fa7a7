"""The http backend of Terraform, for one state: what the portal serves, without the portal."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

from tests.terraform.loopback import Answer, Request

USERNAME = "run"
PASSWORD = "canary-state-password"


class StateServer:
    def __init__(self) -> None:
        self.versions: list[dict[str, Any]] = []
        self.lock: dict[str, Any] | None = None
        self.is_down = False
        self._guard = threading.Lock()

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Instances of the current state by resource type."""
        state = self.versions[-1] if self.versions else {"resources": []}
        return {r["type"]: r["instances"][0] for r in state["resources"] if r["instances"]}

    def respond(self, request: Request) -> Answer:
        expected = "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return Answer(401)
        if self.is_down:
            return Answer(500)
        with self._guard:
            path = request.path.partition("?")[0]
            return self._lock_call(request) if path == "/state/lock" else self._state_call(request)

    def _state_call(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(200, self.versions[-1]) if self.versions else Answer(204)
        self.versions.append(json.loads(request.body))
        return Answer(200)

    def _lock_call(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.lock = None
            return Answer(200)
        if self.lock is not None:
            return Answer(423, self.lock)
        self.lock = request.json
        return Answer(200)
