"""The documented OpenMetrics of an endpoint, computed from the metrics of its processes.

As on Databricks, every value is an aggregate over the last minute, even if the name ends in `_total`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import httpx
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

from sandbox.serving_endpoints.records import Entity
from sandbox.serving_endpoints.replicas.replica import Replica
from sandbox.serving_endpoints.supervisor import Endpoint, Supervisor

logger = logging.getLogger(__name__)

WINDOW_S = 60.0
SAMPLE_INTERVAL_S = 10.0
# Memory of one container by workload type: the documented limit of a custom model.
MEMORY_BYTES = {"CPU": 4 * 2**30, "CPU_MEDIUM": 8 * 2**30, "CPU_LARGE": 16 * 2**30}
COUNTS = {
    "request_count_total": "serving_request_latency_seconds_count",
    "request_4xx_count_total": "serving_requests_4xx_total",
    "request_5xx_count_total": "serving_requests_5xx_total",
}
HISTOGRAMS = {
    "request_latency_ms": "serving_request_latency_seconds",
    "model_prediction_latency_ms": "serving_model_prediction_seconds",
    "model_queue_time_ms": "serving_queue_seconds",
}
_exposition: Callable[[CollectorRegistry], bytes] = generate_latest
_families: Callable[[str], Iterable[Metric]] = text_string_to_metric_families
Values = dict[tuple[str, str], float]


@dataclass(frozen=True)
class Sample:
    """The metrics of a process at one moment, by name and `le`."""

    #: Monotonic seconds.
    at_s: float
    process_started_at_ms: int
    values: Values


@dataclass
class Window:
    """The change of one replica's metrics over at most the last minute."""

    entity: Entity
    seconds: float = 0.0
    values: Values = field(default_factory=dict)
    memory_bytes: float = 0.0

    def of(self, name: str, le: str = "") -> float:
        return self.values.get((name, le), 0.0)


class Meter:
    """Keeps the samples of each process for one minute."""

    def __init__(self, supervisor: Supervisor, http: httpx.AsyncClient) -> None:
        self._supervisor = supervisor
        self._http = http
        self._samples: dict[Replica, deque[Sample]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._sample_forever(), name="sample metrics")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def export(self, endpoint: Endpoint) -> str:
        windows = [await self._window(replica) for replica in endpoint.active.values()]
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_EndpointCollector(endpoint.record.name, windows))
        return _exposition(registry).decode()

    async def _sample_forever(self) -> None:
        while True:
            live = {replica for endpoint in self._supervisor for replica in endpoint.active.values()}
            self._samples = {replica: samples for replica, samples in self._samples.items() if replica in live}
            for replica in live:
                await self._sample(replica)
            await asyncio.sleep(SAMPLE_INTERVAL_S)

    async def _sample(self, replica: Replica) -> None:
        if not replica.url:
            return
        try:
            response = await self._http.get(
                f"{replica.url}/metrics", headers={"accept": "application/openmetrics-text"}, timeout=5.0
            )
        except httpx.HTTPError:
            logger.info("served entity %s returned no metrics", replica.entity.name)
            return
        sample = Sample(time.monotonic(), replica.process_started_at_ms, _parse(response.text))
        samples = self._samples.setdefault(replica, deque())
        if samples and samples[-1].process_started_at_ms != sample.process_started_at_ms:
            samples.clear()
        samples.append(sample)
        while len(samples) > 1 and sample.at_s - samples[1].at_s >= WINDOW_S:
            samples.popleft()

    async def _window(self, replica: Replica) -> Window:
        await self._sample(replica)
        samples = self._samples.get(replica)
        if not samples or not replica.url:
            return Window(replica.entity)
        first, last = samples[0], samples[-1]
        # A process younger than the window started at zero.
        young = last.at_s - first.at_s < WINDOW_S - SAMPLE_INTERVAL_S
        base: Values = {} if young else first.values
        age_s = time.time() - replica.process_started_at_ms / 1000
        seconds = min(age_s, WINDOW_S) if young else last.at_s - first.at_s
        changes = {key: value - base.get(key, 0.0) for key, value in last.values.items()}
        memory_bytes = last.values.get(("process_resident_memory_bytes", ""), 0.0)
        return Window(replica.entity, seconds, changes, memory_bytes)


def _parse(text: str) -> Values:
    """Samples by name and bucket. Sums over all other labels."""
    values: Values = {}
    for family in _families(text):
        for sample in family.samples:
            key = (sample.name, sample.labels.get("le", ""))
            values[key] = values.get(key, 0.0) + sample.value
    return values


class _EndpointCollector(Collector):
    def __init__(self, endpoint_name: str, windows: list[Window]) -> None:
        self._endpoint_name = endpoint_name
        self._windows = windows

    def collect(self) -> Iterator[Metric]:
        yield from self._usage()
        for name, source in COUNTS.items():
            gauge = GaugeMetricFamily(name, "In the last minute.", labels=["endpoint_name", "served_model"])
            for window in self._windows:
                gauge.add_metric([self._endpoint_name, window.entity.name], window.of(source))
            yield gauge
        for name, source in HISTOGRAMS.items():
            yield self._histogram(name, source)

    def _usage(self) -> Iterator[Metric]:
        labels = ["endpoint_name", "served_model"]
        cpu = GaugeMetricFamily("cpu_usage_percentage", "Average of the last minute.", labels=labels)
        memory = GaugeMetricFamily("mem_usage_percentage", "Resident memory.", labels=labels)
        concurrency = GaugeMetricFamily("provisioned_concurrent_requests_total", "Slots.", labels=labels)
        for window in self._windows:
            names = [self._endpoint_name, window.entity.name]
            available_s = window.seconds * (os.cpu_count() or 1)
            used_s = window.of("process_cpu_seconds_total")
            cpu.add_metric(names, min(100.0 * used_s / available_s, 100.0) if available_s else 0.0)
            limit_bytes = MEMORY_BYTES.get(window.entity.workload_type, MEMORY_BYTES["CPU"])
            memory.add_metric(names, min(100.0 * window.memory_bytes / limit_bytes, 100.0))
            concurrency.add_metric(names, window.entity.concurrency if window.seconds else 0)
        yield from (cpu, memory, concurrency)

    def _histogram(self, name: str, source: str) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, "In the last minute.", labels=["endpoint_name", "served_model"])
        for window in self._windows:
            bounds = sorted({le for metric, le in window.values if metric == f"{source}_bucket"}, key=float)
            buckets = [
                (le if le == "+Inf" else f"{float(le) * 1000:g}", window.of(f"{source}_bucket", le)) for le in bounds
            ]
            total_ms = window.of(f"{source}_sum") * 1000
            family.add_metric([self._endpoint_name, window.entity.name], buckets or [("+Inf", 0.0)], total_ms)
        return family
