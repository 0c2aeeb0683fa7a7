"""Benchmark of the page Fleet with 500 models in three environments and 30 days of metrics, on PostgreSQL.

Measures the server's time from the request to the rendered response, with all middleware, in one process with DEBUG
off. Requests typical views of every lens (first page, filter, search, late page) and of its API.
Run it with ``make bench-fleet``.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bench import portal
from bench.report import Verdict, finish, machine, show

if TYPE_CHECKING:
    from accounts.models import User
    from deployments.models import Deployment
    from monitoring.cost.billing import Usage

MODELS, ENVIRONMENTS, DAYS, TEAMS = 500, ("dev", "staging", "prod"), 30, 12
ROUNDS = 20
P95_TARGET_MS = 150.0
LENSES = ("health", "governance", "cost", "rollout")
ASKED = ("", "&environment=prod", "&q=model_4", "&page=20", "&ordering=name", "&team=team_3")
API_ASKED = ("", "&environment=prod", "&q=model_4", "&page_size=100", "&ordering=created_at", "&team=team_3")
SEED = 7
BATCH = 5000


@dataclass(frozen=True)
class Figures:
    """Figures of one lens or of its API."""

    #: One time per request.
    times_ms: list[float]
    #: The maximum per request.
    queries: int
    #: The maximum per response.
    size_kib: float

    def percentile(self, share: float) -> float:
        ordered = sorted(self.times_ms)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def main() -> int:
    return _measure_here() if portal.is_inside() else portal.run_inside("bench.fleet")


def _measure_here() -> int:
    portal.start()
    from django.core.management import call_command

    call_command("collectstatic", interactive=False, verbosity=0)
    with _timed("filling the database"):
        rows = _fill()
        portal.analyze()
    portal.settle()
    print(machine("Django", "psycopg"))
    found = {lens: _asked(f"/fleet/?lens={lens}", ASKED) for lens in LENSES}
    found |= {f"API: {lens}": _asked(f"/api/v1/fleet/?lens={lens}", API_ASKED) for lens in LENSES}
    header = ("lens", "requests", "median ms", "p95 ms", "most queries", "KiB")
    shown = [
        (lens, len(one.times_ms), f"{one.percentile(0.5):.0f}", f"{one.percentile(0.95):.0f}", one.queries,
         f"{one.size_kib:.0f}")
        for lens, one in found.items()
    ]  # fmt: skip
    show(f"{MODELS} models x {len(ENVIRONMENTS)} environments, {rows:,} buckets of {DAYS} days", header, shown)
    worst = max(one.percentile(0.95) for one in found.values())
    return finish("fleet", [Verdict("p95 ms of the slowest lens or API", worst, P95_TARGET_MS, more_is_better=False)])


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def _asked(path: str, asked: Sequence[str]) -> Figures:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from accounts.models import User

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(username="admin"))
    urls = [f"{path}{more}" for more in asked]
    times_ms, queries, size = [], 0, 0
    for url in urls:
        with CaptureQueriesContext(connection) as found:
            answer = client.get(url, secure=True)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}")
        queries, size = max(queries, len(found)), max(size, len(answer.content))
    for _ in range(ROUNDS):
        for url in urls:
            began = time.perf_counter()
            client.get(url, secure=True)
            times_ms.append((time.perf_counter() - began) * 1000)
    return Figures(times_ms, queries, size / 1024)


# -- test data ----------------------------------------------------------------------------------------


def _fill() -> int:
    """Fill the database and return the number of buckets. Deterministic: the random generator has a fixed seed."""
    from catalog.models import RegisteredModel
    from deployments.models import Deployment
    from tests.factories import EnvironmentFactory, RegisteredModelFactory, TeamFactory, UserFactory, WorkspaceFactory

    dice = random.Random(SEED)
    admin = UserFactory.create(username="admin", is_superuser=True, is_staff=True)
    workspace = WorkspaceFactory.create()
    teams = [TeamFactory.create(slug=f"team_{number}") for number in range(TEAMS)]
    deployments = []
    for position, slug in enumerate(ENVIRONMENTS):
        environment = EnvironmentFactory.create(slug=slug, workspace=workspace, position=position)
        models = [
            RegisteredModelFactory.build(
                workspace=workspace, team=teams[n % TEAMS], catalog_name=slug, name=f"model_{n}", owner="somebody"
            )
            for n in range(MODELS)
        ]
        for model in RegisteredModel.objects.bulk_create(models):
            deployments.append(
                Deployment(
                    team=model.team, workspace=workspace, environment=environment, model=model,
                    name=f"{slug}-{model.name}", spec=_spec(model.full_name, slug, model.name), created_by=admin,
                    served=[{"name": "m-3", "entity_version": "3", "traffic": 100}], ready="READY",
                )
            )  # fmt: skip
    made = Deployment.objects.bulk_create(deployments)
    _runs_and_watches(made, admin, dice)
    return _metrics_and_costs(made, dice)


def _spec(full_name: str, environment: str, name: str) -> dict[str, object]:
    from deployments.deployment.specs import parse_spec

    wanted = {"model": full_name, "version": "3", "environment": environment, "name": name.replace("_", "-")}
    return parse_spec(wanted).as_json()


def _runs_and_watches(made: Sequence[Deployment], admin: User, dice: random.Random) -> None:
    from deployments.models import Run
    from monitoring.models import HealthSource, Watch
    from monitoring.watched.states import Standing

    now = datetime.now(UTC)
    ends = ["succeeded"] * 6 + ["failed", "rolled_back"]
    runs = [
        Run(deployment=one, kind="deploy", status=dice.choice(ends), spec=one.spec, requested_by=admin, finished_at=now)
        for one in made
        for _ in range(5)
    ]
    Run.objects.bulk_create(runs, batch_size=BATCH)
    # Read at a future minute, so that no standing becomes outdated during the benchmark.
    sources = [HealthSource(deployment=one, minute=now + timedelta(hours=1), tried_at=now) for one in made]
    HealthSource.objects.bulk_create(sources)
    standings = [Standing.PASSING] * 7 + [Standing.AT_RISK, Standing.FAILING, Standing.UNKNOWN]
    Watch.objects.bulk_create(
        Watch(
            deployment=one, health=dice.choice(standings), health_reason="4,200 requests in the last hour: 0.1% errors",
            drift=dice.choice(standings), drift_reason="PSI 0.12", requests_24h=dice.randrange(100_000),
            errors_24h=dice.randrange(100), p99_ms=dice.uniform(5, 200), last_request_at=now,
            week=[dice.randrange(100_000) for _ in range(7)],
        )
        for one in made
    )  # fmt: skip


def _metrics_and_costs(made: Sequence[Deployment], dice: random.Random) -> int:
    from monitoring.cost import importing as cost
    from monitoring.cost.billing import Usage
    from monitoring.health.models import COARSE
    from monitoring.health.scraping import floor
    from monitoring.models import BillingSource, HealthBucket

    now = datetime.now(UTC)
    hours = [floor(now, COARSE) - timedelta(hours=n) for n in range(24 * DAYS)]
    rows: list[HealthBucket] = []
    costs: list[Usage] = []
    count = 0
    for one in made:
        rows += [
            HealthBucket(
                deployment=one, version="3", width=COARSE, start=hour, minutes=60, requests=dice.randrange(5000),
                latency={"10.0": 10, "100.0": 90},
            )
            for hour in hours
        ]  # fmt: skip
        costs += [
            Usage(
                date=(now - timedelta(days=n)).date(), endpoint_id=str(one.pk), endpoint_name=one.name, job="",
                kind="serving", sku="SERVING", unit="DBU", currency="USD", quantity=Decimal(3),
                cost=Decimal(dice.randrange(100)) / 10, tag=str(one.pk),
            )
            for n in range(DAYS)
        ]  # fmt: skip
        if len(rows) >= BATCH:
            count += len(HealthBucket.objects.bulk_create(rows))
            rows = []
    BillingSource.objects.create(workspace=made[0].workspace)
    cost.keep(made[0].workspace, costs, (now - timedelta(days=DAYS)).date(), now.date(), now)
    return count + len(HealthBucket.objects.bulk_create(rows))


if __name__ == "__main__":
    sys.exit(main())
