"""The lake: what is in the database is in Delta tables too, once, whatever happens to the worker meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from deployments.models import Approval, Deployment, Run
from deployments.runs.models import Line
from deployments.runs.statuses import RunStatus
from monitoring.lake.export import backfill, export, status, verify
from monitoring.lake.tables import APPROVALS, AUDIT, COST_DAILY, RUN_EVENTS, RUNS, TABLES
from monitoring.lake.tasks import export_lake, export_table, tidy_table
from monitoring.models import CostDay
from monitoring.watched import delta
from monitoring.watched.lake_tables import Column
from tests.deployments.conftest import deployment, give_plan, make_run, sent, spec

pytestmark = pytest.mark.django_db
__all__ = ["deployment", "sent", "spec"]


@pytest.fixture(autouse=True)
def lake(settings: Settings, tmp_path: Path) -> Path:
    settings.LAKE_URI = str(tmp_path / "lake")
    return tmp_path / "lake"


@pytest.fixture
def run(deployment: Deployment) -> Run:
    run = make_run(deployment, RunStatus.APPLY)
    run.log([Line(stage="apply", message=f"line {n}: größer ✓") for n in range(3)])
    return run


def rows(lake: Path, name: str) -> list[dict[str, Any]]:
    return pl.read_delta(str(lake / name)).sort(pl.all().exclude("spec")).to_dicts()


def command(*words: str) -> str:
    out = StringIO()
    call_command("lake", *words, stdout=out)
    return out.getvalue()


def test_a_run_and_its_log_are_in_the_lake_as_they_are_in_the_database(lake: Path, run: Run) -> None:
    assert (export(RUNS), export(RUN_EVENTS)) == (1, 3)
    [row] = rows(lake, "runs")
    assert (row["run_id"], row["deployment"], row["environment"], row["team"]) == (
        run.pk,
        "card-fraud",
        "staging",
        "fraud",
    )
    assert (row["version"], json.loads(row["spec"])) == ("3", run.spec)
    assert (row["created_at"], row["date"]) == (run.created_at, run.created_at.date())
    assert [event["message"] for event in rows(lake, "run_events")] == [f"line {n}: größer ✓" for n in range(3)]


def test_exporting_again_writes_nothing_and_only_news_after_that(lake: Path, run: Run) -> None:
    for table, count in ((RUNS, 1), (RUN_EVENTS, 3)):
        assert [export(table) for _ in range(3)] == [count, 0, 0]
    run.log([Line(stage="apply", message="one more")])
    run.transition(RunStatus.ENDPOINT, "applied")
    assert export(RUNS) == 1
    assert export(RUN_EVENTS) == 2
    assert [row["status"] for row in rows(lake, "runs")] == ["endpoint"]
    assert [row["number"] for row in rows(lake, "run_events")] == [1, 2, 3, 4, 5]


def test_a_worker_that_dies_between_rows_and_mark_repeats_itself_and_changes_nothing(
    lake: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(delta, "note_exported", _dies)
        with pytest.raises(KeyboardInterrupt):
            export(RUN_EVENTS)
    before = rows(lake, "run_events")
    assert len(before) == 3
    assert status(RUN_EVENTS).exported_until is None
    assert export(RUN_EVENTS) == 0
    assert rows(lake, "run_events") == before
    assert verify(RUN_EVENTS).is_same


def _dies(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_worker_that_dies_between_two_pieces_goes_on_where_rows_are_missing(
    lake: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.lake.export.BATCH", 2)
    merge = delta.merge
    merged: list[int] = []

    def once(*arguments: Any) -> int:
        if merged:
            raise KeyboardInterrupt
        merged.append(merge(*arguments))
        return merged[0]

    with monkeypatch.context() as dying:
        dying.setattr(delta, "merge", once)
        with pytest.raises(KeyboardInterrupt):
            export(RUN_EVENTS)
    assert (len(rows(lake, "run_events")), export(RUN_EVENTS)) == (2, 1)
    assert verify(RUN_EVENTS).is_same


def test_a_row_that_was_committed_late_is_not_lost(lake: Path, run: Run) -> None:
    export(RUN_EVENTS)
    run.log([Line(stage="apply", message="written a minute before the export, committed after it")])
    newest = run.events.last()
    assert newest is not None
    run.events.filter(pk=newest.pk).update(created_at=timezone.now() - timedelta(minutes=1))
    assert export(RUN_EVENTS) == 1


def test_two_exports_at_once_leave_each_row_once(lake: Path, run: Run) -> None:
    """The second has read the table before the first one wrote."""
    stale = delta.open_or_create(RUN_EVENTS)
    records = [RUN_EVENTS.record(row) for row in RUN_EVENTS.rows()]
    assert delta.merge(RUN_EVENTS, delta.open_or_create(RUN_EVENTS), records) == 3
    with pytest.raises(Exception, match=r"(?i)conflict|concurrent|added"):
        delta.merge(RUN_EVENTS, stale, records)
    assert len(rows(lake, "run_events")) == 3


def test_a_new_column_is_null_in_older_rows(lake: Path, run: Run, deployment: Deployment) -> None:
    export(RUN_EVENTS)
    grown = replace(RUN_EVENTS, columns=(*RUN_EVENTS.columns, Column("kind", "string", "run__kind")), schema_version=2)
    run.log([Line(stage="apply", message="after the upgrade")])
    assert export(grown) == 1
    found = {row["number"]: (row["kind"], row["schema_version"]) for row in rows(lake, "run_events")}
    assert (found[1], found[4]) == ((None, 1), ("deploy", 2))


def test_verify_finds_a_row_that_is_missing_or_differs_and_backfill_mends_it(lake: Path, run: Run) -> None:
    for table in (RUNS, RUN_EVENTS):
        export(table)
        assert verify(table).is_same
    delta.open_or_create(RUN_EVENTS).delete("number = 2")
    delta.open_or_create(RUNS).update(updates={"status": "'succeeded'"})
    found = verify(RUN_EVENTS)
    assert (found.in_database, found.in_lake, found.is_same) == (3, 2, False)
    found = verify(RUNS)
    assert (found.in_database, found.in_lake, found.is_same) == (1, 1, False)
    with pytest.raises(CommandError, match="runs, run_events"):
        command("verify", "runs", "run_events")
    assert "1 rows written" in command("backfill", "runs", "run_events")
    assert "DIFFERENT" not in command("verify", "runs", "run_events")


def test_decisions_and_the_audit_trail_are_there(
    lake: Path, run: Run, approver: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    plan = give_plan(run)
    Approval.objects.create(
        run=run, decision="approved", decided_by=approver, plan_sha256=plan.sha256, model_version="3", state_serial=0
    )
    assert export(APPROVALS) == 1
    [row] = rows(lake, "approvals")
    assert (row["decided_by"], row["plan_sha256"], row["state_serial"]) == ("approver", plan.sha256, 0)
    assert export(AUDIT) > 0
    tables = {(entry["app"], entry["table"]) for entry in rows(lake, "audit")}
    assert ("deployments", "deployment") in tables
    assert verify(AUDIT).is_same


def test_duckdb_and_polars_read_the_same(lake: Path, run: Run) -> None:
    export(RUN_EVENTS)
    polars = pl.scan_delta(str(lake / "run_events")).select(pl.len(), pl.max("number")).collect().row(0)
    events = DeltaTable(str(lake / "run_events")).to_pyarrow_dataset()
    duck = duckdb.from_arrow(events).aggregate("count(*), max(number)").fetchall()[0]
    assert polars == duck == (3, 3)


def test_small_files_are_joined_and_old_rows_dropped(lake: Path, run: Run) -> None:
    for _ in range(3):
        run.log([Line(stage="apply", message="again")])
        export(RUN_EVENTS)
    target = delta.open_or_create(RUN_EVENTS)
    assert len(target.file_uris()) == 3
    tidy_table("run_events")
    target.update_incremental()
    assert (len(target.file_uris()), len(rows(lake, "run_events"))) == (1, 6)
    delta.tidy(replace(RUN_EVENTS, keep_days=30), target, (timezone.now() + timedelta(days=31)).date())
    assert rows(lake, "run_events") == []


def test_the_hourly_task_has_one_for_each_table(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    asked: list[str] = []
    monkeypatch.setattr(export_table, "apply_async", lambda args, **_: asked.append(*args))
    export_lake()
    assert asked == list(TABLES)
    for name in asked:
        export_table(name)
    assert {name for name in TABLES if status(TABLES[name]).exported_until is None} == set()


def test_an_empty_lake_and_an_empty_database_are_no_error(lake: Path) -> None:
    assert "never exported" in command("status")
    command("verify")
    assert export(APPROVALS) == 0
    assert status(APPROVALS).exported_until is not None
    assert backfill(APPROVALS) == 0


def test_an_unknown_table_is_named(lake: Path) -> None:
    with pytest.raises(CommandError, match="Unknown table: nonsense"):
        command("status", "nonsense")


def test_costs_are_replaced_by_the_day_where_they_differ(lake: Path, deployment: Deployment) -> None:
    today = timezone.now().date()
    for days, cost in ((0, "1.10"), (1, "2.20"), (1, None)):
        CostDay.objects.create(
            workspace=deployment.workspace,
            deployment=deployment,
            date=today - timedelta(days=days),
            kind="serving",
            sku=f"SKU {cost}",
            unit="DBU",
            quantity=Decimal("3.333333333"),
            cost=cost and Decimal(cost),
            currency="USD" if cost else "",
        )
    assert [export(COST_DAILY) for _ in range(2)] == [3, 0]
    assert verify(COST_DAILY).is_same
    CostDay.objects.filter(date=today).delete()
    CostDay.objects.filter(cost=Decimal("2.20")).update(cost=Decimal("2.30"))
    assert export(COST_DAILY) == 2
    found = {row["sku"]: (row["cost"], row["quantity"]) for row in rows(lake, "cost_daily")}
    assert found == {
        "SKU 2.20": (Decimal("2.30"), Decimal("3.333333333")),
        "SKU None": (None, Decimal("3.333333333")),
    }
