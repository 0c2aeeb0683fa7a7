"""Parses the OpenMetrics of a serving endpoint: requests, errors, latency and load per served entity.

Source: Databricks, "Track and export serving endpoint health metrics". Every value is an aggregate over the last
minute: names that end in ``_total`` are gauges, not counters. The documentation does not name the labels, so any of
``ENTITY_LABELS`` identifies the served entity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from integrations.errors import IntegrationError

# Length in seconds of the window before the reading that all values cover.
WINDOW_S = 60.0
ENTITY_LABELS = ("served_model", "served_entity", "served_model_name", "served_entity_name", "served_entity_id")
REQUESTS, ERRORS_4XX, ERRORS_5XX = "request_count_total", "request_4xx_count_total", "request_5xx_count_total"
CPU, MEMORY = "cpu_usage_percentage", "mem_usage_percentage"
CONCURRENCY = "provisioned_concurrent_requests_total"
GAUGES = frozenset((CPU, MEMORY, CONCURRENCY))
LATENCY_BUCKET, MODEL_LATENCY_BUCKET = "request_latency_ms_bucket", "model_prediction_latency_ms_bucket"
_families: Callable[[str], Iterable[Metric]] = text_string_to_metric_families


@dataclass(frozen=True)
class Window:
    """Requests of one served entity in a time window."""

    requests: float = 0.0
    errors_4xx: float = 0.0
    errors_5xx: float = 0.0
    #: End-to-end latency: {upper bound in ms: requests at or below it}.
    latency: Mapping[float, float] = field(default_factory=dict)
    #: The model's part of the latency in the same form; {} if not reported.
    model_latency: Mapping[float, float] = field(default_factory=dict)

    def __add__(self, other: Window) -> Window:
        """The sum of two windows, which must not overlap. A missing bound takes the count of the next lower one."""
        return Window(
            self.requests + other.requests,
            self.errors_4xx + other.errors_4xx,
            self.errors_5xx + other.errors_5xx,
            _together(self.latency, other.latency),
            _together(self.model_latency, other.model_latency),
        )

    @property
    def errors(self) -> float:
        return self.errors_4xx + self.errors_5xx

    def quantile_ms(self, share: float) -> float | None:
        """The latency that a ``share`` (0 to 1) of the requests did not exceed; None if there are no requests."""
        return quantile(self.latency, share)

    def model_quantile_ms(self, share: float) -> float | None:
        """``quantile_ms`` of the model's part of the latency; None if it is not reported."""
        return quantile(self.model_latency, share)

    @property
    def p99_ms(self) -> float | None:
        return self.quantile_ms(0.99)


def quantile(histogram: Mapping[float, float], share: float) -> float | None:
    """The value that a ``share`` (0 to 1) of the values do not exceed; None if the histogram is empty.

    Interpolates linearly inside a bucket, as Prometheus' histogram_quantile does. Values above the last finite bound
    count as that bound.
    """
    counts = sorted(histogram.items())
    total = counts[-1][1] if counts else 0.0
    if total <= 0:
        return None
    rank = share * total
    for (lower, below), (upper, at_or_below) in pairwise([(0.0, 0.0), *counts]):
        if at_or_below >= rank and at_or_below > below:
            return lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / (at_or_below - below)
    return None


def _together(one: Mapping[float, float], other: Mapping[float, float]) -> dict[float, float]:
    return {bound: _at_or_below(one, bound) + _at_or_below(other, bound) for bound in sorted(one.keys() | other.keys())}


def _at_or_below(histogram: Mapping[float, float], bound: float) -> float:
    """The number of values at or below ``bound``, by the nearest bucket that is not larger."""
    if bound in histogram:
        return histogram[bound]
    lower = [known for known in histogram if known < bound]
    return histogram[max(lower)] if lower else 0.0


def read_windows(text: str) -> dict[str, Window]:
    """The last minute of each served entity, by name. Entities without a request count are omitted.

    Raises IntegrationError if ``text`` is not OpenMetrics.
    """
    found: dict[str, dict[str, float]] = {}
    buckets: dict[str, dict[str, dict[float, float]]] = {LATENCY_BUCKET: {}, MODEL_LATENCY_BUCKET: {}}
    for name, labels, value in _samples(text):
        entity = next((labels[label] for label in ENTITY_LABELS if labels.get(label)), "")
        if not entity or not math.isfinite(value):
            continue
        if name in buckets:
            of_entity = buckets[name].setdefault(entity, {})
            bound = float(labels.get("le", "+Inf"))
            of_entity[bound] = of_entity.get(bound, 0.0) + value
        elif name in (REQUESTS, ERRORS_4XX, ERRORS_5XX):
            counts = found.setdefault(entity, {})
            counts[name] = counts.get(name, 0.0) + value
    return {
        entity: Window(
            counts[REQUESTS],
            counts.get(ERRORS_4XX, 0.0),
            counts.get(ERRORS_5XX, 0.0),
            buckets[LATENCY_BUCKET].get(entity, {}),
            buckets[MODEL_LATENCY_BUCKET].get(entity, {}),
        )
        for entity, counts in found.items()
        if REQUESTS in counts
    }


@dataclass(frozen=True)
class Load:
    """The load of a served entity in the last minute. A value is None if the endpoint does not report it."""

    #: Average over replicas, 0 to 100.
    cpu_percent: float | None = None
    #: Average over replicas, 0 to 100.
    memory_percent: float | None = None
    #: Provisioned concurrency: the sum over replicas.
    concurrency: float | None = None


def read_loads(text: str) -> dict[str, Load]:
    """The load of each served entity, by name; "" stands for the whole endpoint.

    Raises IntegrationError if ``text`` is not OpenMetrics.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for name, labels, value in _samples(text):
        if name in GAUGES and math.isfinite(value):
            entity = next((labels[label] for label in ENTITY_LABELS if labels.get(label)), "")
            found.setdefault(entity, {}).setdefault(name, []).append(value)
    return {entity: _load(values) for entity, values in found.items()}


def _load(values: Mapping[str, list[float]]) -> Load:
    def average(name: str) -> float | None:
        return sum(values[name]) / len(values[name]) if values.get(name) else None

    slots = values.get(CONCURRENCY)
    return Load(average(CPU), average(MEMORY), sum(slots) if slots else None)


def _samples(text: str) -> list[tuple[str, Mapping[str, str], float]]:
    try:
        return [(item.name, item.labels, item.value) for family in _families(text) for item in family.samples]
    except (ValueError, KeyError, IndexError) as error:
        message = "the endpoint's metrics cannot be read"
        raise IntegrationError(message, permanent=True, source="databricks", code="UNREADABLE_METRICS") from error
