"""A workspace with one endpoint whose traffic can be moved, and metrics that a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.databricks.records import Endpoint, QueryResult, Route, ServedEntity
from integrations.errors import IntegrationError

OLD, NEW = "card_fraud-3", "card_fraud-4"
AWAY = IntegrationError("503", permanent=False)
GONE = IntegrationError("metrics are gone", permanent=True)


@dataclass
class MovingWorkspace:
    """``polls``: looks at the endpoint until an update of its traffic is done. ``faults``: {call: what it raises}.

    ``minute`` are the metrics of the last minute, {entity: (requests, 4xx, 5xx, slower than 100 ms)}; ``answers``
    what each entity predicts, or the status it fails with.
    """

    polls: int = 1
    routes: dict[str, int] = field(default_factory=lambda: {OLD: 100, NEW: 0})
    minute: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, IntegrationError] = field(default_factory=dict)
    moves: list[dict[str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    config_update: str = "NOT_UPDATING"
    _pending: dict[str, int] | None = None
    _looks: int = 0

    def _raise(self, call: str) -> None:
        if call in self.faults:
            raise self.faults[call]

    def get_endpoint(self, name: str) -> Endpoint:
        self._raise("get_endpoint")
        if self._pending is not None:
            self._looks += 1
            if self._looks > self.polls:
                self.routes, self._pending = self._pending, None
        updating = "IN_PROGRESS" if self._pending is not None else self.config_update
        shown = Endpoint(name=name, id="e1", ready=True, config_update=updating)
        served = tuple(
            ServedEntity(key, "staging.fraud.card_fraud", key.rpartition("-")[2], deployment="DEPLOYMENT_READY")
            for key in self.routes
        )
        routes = tuple(Route(key, percent) for key, percent in self.routes.items())
        return replace(shown, served_entities=served, routes=routes)

    def set_traffic(self, name: str, percents: Mapping[str, int]) -> None:
        self._raise("set_traffic")
        self.moves.append(dict(percents))
        self._pending, self._looks = dict(percents), 0

    def metrics(self, name: str) -> str:
        self._raise("metrics")
        return "".join(_lines(entity, *numbers) for entity, numbers in self.minute.items())

    def query_entity(self, name: str, entity: str, body: Any, *, timeout_s: float) -> QueryResult:
        self._raise("query_entity")
        self.asked.append(entity)
        answer = self.answers.get(entity, [0.5])
        if isinstance(answer, int):
            return QueryResult(answer, {"message": "no"}, 12.0, entity)
        return QueryResult(200, {"predictions": answer}, 12.0, entity)

    def server_logs(self, name: str, entity: str) -> str:
        return f"{entity} said this"


def _lines(entity: str, requests: int, bad: int, server: int, slow: int) -> str:
    label = f'endpoint_name="card-fraud",served_model="{entity}"'
    return (
        f"request_count_total{{{label}}} {requests}\n"
        f"request_4xx_count_total{{{label}}} {bad}\n"
        f"request_5xx_count_total{{{label}}} {server}\n"
        f'request_latency_ms_bucket{{{label},le="100"}} {requests - slow}\n'
        f'request_latency_ms_bucket{{{label},le="1000"}} {requests}\n'
        f'request_latency_ms_bucket{{{label},le="+Inf"}} {requests}\n'
    )
