"""Benchmark of the last 30 days of drift by day for 30 features counted by the hour, from the database and the lake.

The database is read as for the chart on the page Drift, and the lake as in the example of docs/lake.md.
``make bench-drift`` runs it; the last line of its output is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bench import portal
from bench.drift import PIECE, rows
from bench.report import median
from sketches.baseline import make_baseline
from sketches.judgement import DriftStatus, Rules, judge
from sketches.sketch import sketch

if TYPE_CHECKING:
    from deployments.models import Deployment

DAYS, ROWS_OF_HOUR, ROUNDS = 30, 1000, 20
HOUR = timedelta(hours=1)
JUDGED = (DriftStatus.OK, DriftStatus.DRIFT)


def main() -> int:
    return _measure_here() if portal.is_inside() else portal.run_inside("bench.drift_days")


def _measure_here() -> int:
    portal.start()
    from monitoring.lake.export import export
    from monitoring.lake.tables import DRIFT_SKETCHES

    # Midnight, so that the range contains exactly 30 whole days.
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    deployment = _fill(until)
    export(DRIFT_SKETCHES)
    portal.analyze()
    print(
        json.dumps(
            {
                "add_up_ms": _median_ms(lambda: _add_up(deployment, until)),
                "database_ms": _median_ms(lambda: _from_database(deployment, until)),
                "lake_ms": _median_ms(lambda: _from_lake(deployment.pk, until)),
            }
        )
    )
    return 0


def _median_ms(work: Callable[[], int]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = work()
        times.append(1000 * (time.perf_counter() - began))
        if found != DAYS:
            raise RuntimeError(f"{found} days were judged, not {DAYS}")
    return median(times)


def _from_database(deployment: Deployment, until: datetime) -> int:
    from monitoring.drift.charts import History
    from web.ranges import TimeRange

    shown = TimeRange("", until - timedelta(days=DAYS), until - timedelta(microseconds=1))
    history = History.of(deployment, Rules(), shown)
    return sum(_is_judged(moment.found.values()) for moment in history.moments if moment.start >= shown.start)


def _from_lake(deployment_id: int, until: datetime) -> int:
    import pyarrow.dataset as ds

    from monitoring.lake.tables import DRIFT_SKETCHES
    from monitoring.watched import delta

    target = delta.find(DRIFT_SKETCHES)
    assert target is not None
    days = delta.dataset(target)
    wanted = (ds.field("date") >= (until - timedelta(days=DAYS)).date()) & (ds.field("deployment_id") == deployment_id)
    found = days.to_table(columns=["version", "sketch", "baseline"], filter=wanted).to_pylist()
    baselines = {text: json.loads(text) for text in {row["baseline"] for row in found}}
    return sum(_is_judged(judge(baselines[row["baseline"]], json.loads(row["sketch"]), Rules())) for row in found)


def _is_judged(features: Any) -> bool:
    return all(feature.status in JUDGED for feature in features)


def _add_up(deployment: Deployment, until: datetime) -> int:
    """Sum the hours of all 30 days, as each count does for its own hours. Returns the number of days."""
    from monitoring.drift.days import add_up
    from monitoring.models import Baseline, DriftDay

    add_up(deployment.pk, Baseline.objects.values_list("pk", flat=True), until - timedelta(days=DAYS), until, until)
    return DriftDay.objects.count()


def _fill(until: datetime) -> Deployment:
    """A deployment with 720 hourly windows of 1,000 predictions each."""
    from deployments.deployment.specs import parse_spec
    from deployments.models import Deployment
    from monitoring.models import Baseline, DriftWindow
    from tests.factories import EnvironmentFactory, ModelVersionFactory, TeamFactory, UserFactory

    environment = EnvironmentFactory.create(slug="prod")
    version = ModelVersionFactory.create(model__workspace=environment.workspace, model__catalog_name="prod")
    wanted = {"model": version.model.full_name, "version": "3", "environment": "prod", "name": "a-model"}
    team = TeamFactory.create()
    deployment = Deployment.objects.create(
        team=team, workspace=environment.workspace, environment=environment, model=version.model,
        name="a-model", spec=parse_spec(wanted).as_json(), created_by=UserFactory.create(),
    )  # fmt: skip
    data = make_baseline(rows(PIECE, 1, 0.0))
    made: dict[str, Any] = {"source": "table", "data": data, "rows": PIECE, "created_at": until}
    baseline = Baseline.objects.create(version=version, **made)
    hours = 24 * DAYS
    counted = rows(hours * ROWS_OF_HOUR, 2, 0.05)
    DriftWindow.objects.bulk_create(
        DriftWindow(
            deployment=deployment, version=version, baseline=baseline, start=until - (hour + 1) * HOUR, width_s=3600,
            rows=ROWS_OF_HOUR, computed_at=until,
            packed=DriftWindow.pack(sketch(counted.slice(hour * ROWS_OF_HOUR, ROWS_OF_HOUR).to_batches(), data)),
        )
        for hour in range(hours)
    )  # fmt: skip
    _add_up(deployment, until)
    return deployment


if __name__ == "__main__":
    sys.exit(main())
