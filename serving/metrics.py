"""Metrics of this process in the OpenMetrics format. Durations are in seconds; counters count since the start."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from serving.lifecycle import Lifecycle, Phase
from serving.pool import PredictionPool

# From a tenth of a millisecond (a small linear model) to Databricks' limit of 297 s.
LATENCY_BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
)  # fmt: skip


class ServingMetrics:
    """The metrics of one app. Each app has its own registry, because tests run several apps in one process."""

    def __init__(self, pool: PredictionPool, lifecycle: Lifecycle) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._requests = Counter("serving_requests", "Scoring requests.", ["code"], registry=self.registry)
        self._client_errors = Counter("serving_requests_4xx", "Scoring requests answered 4xx.", registry=self.registry)
        self._server_errors = Counter("serving_requests_5xx", "Scoring requests answered 5xx.", registry=self.registry)
        self._latency = self._histogram("serving_request_latency_seconds", "First byte in to last byte out.")
        self._prediction = self._histogram("serving_model_prediction_seconds", "Decode, predict and encode.")
        self._queue = self._histogram("serving_queue_seconds", "Wait for a prediction slot.")
        self.in_flight = Gauge("serving_requests_in_flight", "Requests in the server now.", registry=self.registry)
        self._gauge("serving_predictions_running", "Slots in use.").set_function(lambda: pool.running)
        self._gauge("serving_predictions_waiting", "Requests that wait for a slot.").set_function(lambda: pool.waiting)
        self._gauge("serving_concurrency_limit", "Slots.").set(pool.concurrency)
        self._gauge("serving_ready", "1 when the model serves.").set_function(
            lambda: float(lifecycle.phase is Phase.READY)
        )

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(name, text, buckets=LATENCY_BUCKETS_S, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def request_done(self, status: int, latency_s: float) -> None:
        self._requests.labels(code=str(status)).inc()
        if 400 <= status < 500:
            self._client_errors.inc()
        elif status >= 500:
            self._server_errors.inc()
        self._latency.observe(latency_s)

    def prediction_done(self, queue_s: float, run_s: float) -> None:
        self._queue.observe(queue_s)
        self._prediction.observe(run_s)

    def render(self, accept: str) -> tuple[bytes, str]:
        """(body, content type) in OpenMetrics, or in Prometheus text format if the client accepts only that."""
        encoder, content_type = choose_encoder(accept or "application/openmetrics-text")
        return encoder(self.registry), content_type
