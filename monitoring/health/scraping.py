"""Reads the metrics of one endpoint and adds them to buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from catalog.workspaces.services import connect
from deployments.models import Deployment
from integrations.errors import IntegrationError
from integrations.metrics import Load, Window, read_loads, read_windows
from monitoring.health.models import COARSE, FINE, KEPT, HealthBucket, HealthSource

MINUTE = timedelta(minutes=1)
#: Gaps longer than this stay unknown.
LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Reading:
    """The metrics of one served entity for the minute before ``at``."""

    at: datetime
    window: Window
    load: Load
    #: Scaled to zero.
    sleeps: bool = False
    #: Not scaled to zero, but it was in the last reading.
    woke: bool = False


def scrape(deployment: Deployment) -> None:
    """Read the last minute. An IntegrationError is stored in HealthSource instead of raised."""
    asked_at = timezone.now()
    try:
        text = connect(deployment.workspace).metrics(deployment.name)
        windows, loads = read_windows(text), read_loads(text)
    except IntegrationError as error:
        _note_failure(deployment, asked_at, error.message)
        return
    add(deployment, asked_at, windows, loads)


def add(deployment: Deployment, asked_at: datetime, windows: Mapping[str, Window], loads: Mapping[str, Load]) -> bool:
    """Add one reading to the buckets. Returns False without adding it if that minute was added before."""
    minute = floor(asked_at, MINUTE)
    HealthSource.objects.get_or_create(deployment=deployment)
    with transaction.atomic():
        source = HealthSource.objects.select_for_update().get(deployment=deployment)
        if source.minute is not None and source.minute >= minute:
            return False
        is_next = source.minute is not None and minute - source.minute <= LONGEST_PAUSE
        before, slots = source.slots if is_next else {}, {}
        # If the endpoint does not scale to zero, a concurrency of 0 is a failure.
        may_sleep = bool((deployment.spec.get("compute") or {}).get("scale_to_zero"))
        for entity, window in windows.items():
            load, version = loads.get(entity) or loads.get("") or Load(), version_of(deployment, entity)
            sleeps = may_sleep and load.concurrency == 0
            woke = may_sleep and bool(load.concurrency) and before.get(version) == 0
            for width in (FINE, COARSE):
                _add_to_bucket(deployment, version, width, Reading(asked_at, window, load, sleeps, woke))
            if load.concurrency is not None:
                slots[version] = load.concurrency
        source.minute, source.tried_at, source.error, source.slots = minute, asked_at, "", slots
        if any(window.requests for window in windows.values()):
            source.last_request_at = asked_at
        source.save()
    return True


def _add_to_bucket(deployment: Deployment, version: str, width: timedelta, reading: Reading) -> None:
    bucket, _ = HealthBucket.objects.get_or_create(
        deployment=deployment, version=version, width=width, start=floor(reading.at, width)
    )
    together, load = bucket.window + reading.window, reading.load
    bucket.minutes += 1
    bucket.requests, bucket.errors_4xx, bucket.errors_5xx = together.requests, together.errors_4xx, together.errors_5xx
    bucket.latency = {str(bound): count for bound, count in together.latency.items()}
    bucket.model_latency = {str(bound): count for bound, count in together.model_latency.items()}
    if load.cpu_percent is not None or load.memory_percent is not None:
        bucket.load_minutes += 1
        bucket.cpu_percent += load.cpu_percent or 0.0
        bucket.memory_percent += load.memory_percent or 0.0
    bucket.concurrency = max(bucket.concurrency, load.concurrency or 0.0)
    if load.concurrency is not None:
        bucket.slot_minutes += 1
        bucket.asleep_minutes += reading.sleeps
        bucket.cold_starts += reading.woke
    bucket.save()


def _note_failure(deployment: Deployment, asked_at: datetime, message: str) -> None:
    HealthSource.objects.update_or_create(
        deployment=deployment, defaults={"tried_at": asked_at, "error": message[:1000]}
    )


def version_of(deployment: Deployment, entity: str) -> str:
    """The model version of a served entity, by its name. The name itself if the version is unknown."""
    for row in deployment.served:
        if row.get("name") == entity and row.get("entity_version"):
            return str(row["entity_version"])
    return entity[:64]


def floor(moment: datetime, width: timedelta) -> datetime:
    """The start of the bucket that contains ``moment``. Buckets are aligned to 1970-01-01 UTC."""
    seconds = int(width.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)


def forget_old(now: datetime) -> int:
    """Delete buckets that are no longer kept and return their number."""
    return sum(
        HealthBucket.objects.filter(width=width, start__lt=now - kept).delete()[0] for width, kept in KEPT.items()
    )
