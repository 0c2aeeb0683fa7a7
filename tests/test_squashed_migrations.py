"""The squashed migrations make what the steps make that they replace, and an installed database goes on with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from tests.database import database_named

pytestmark = [pytest.mark.sqlite, pytest.mark.long]
NUMBERED = ("__unnamed", "fk_", "sqlite_autoindex")
APPS = ("accounts", "catalog", "deployments", "monitoring")


@contextmanager
def empty_database(name: str) -> Iterator[None]:
    """A database beside that of the tests; it is dropped in the end."""
    creation: Any = connection.creation
    with database_named(name):
        creation._create_test_db(verbosity=0, autoclobber=True)
        try:
            yield
        finally:
            connection.close()
            creation._destroy_test_db(name, verbosity=0)


@pytest.fixture
def names(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[tuple[str, str]]:
    base = str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        yield f"{base}_steps", f"{base}_squashed"


def migrate_by_steps() -> None:
    """As an installed database came to be: without the squashed migrations."""
    executor = MigrationExecutor(connection)
    loader: Any = executor.loader
    loader.replace_migrations = False
    loader.build_graph()
    squashed = {key for key, migration in loader.disk_migrations.items() if migration.replaces}
    executor.migrate([key for key in loader.graph.leaf_nodes() if key not in squashed])


def schema() -> dict[str, Any]:
    """Columns, constraints and indexes of every table of ours, by name; columns in no order."""
    found = {}
    with connection.cursor() as cursor:
        introspection = connection.introspection
        tables = [name for name in introspection.table_names(cursor) if name.partition("_")[0] in APPS]
        for table in tables:
            columns = {
                row.name: row._replace(name="")[1:] for row in introspection.get_table_description(cursor, table)
            }
            found[table] = columns, constraints(introspection.get_constraints(cursor, table))
    return found


def constraints(found: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    """SQLite numbers those without a name: they are told apart by what they say."""
    rows = [(name, repr(sorted(row.items()))) for name, row in found.items()]
    return sorted(("" if name.startswith(NUMBERED) else name, text) for name, text in rows)


def content() -> dict[str, list[Any]]:
    """What the migrations ship."""
    with connection.cursor() as cursor:
        shipped = {}
        for table in ("deployments_policy", "deployments_pricetable", "deployments_rate"):
            cursor.execute(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 - names of our own
            columns = [column[0] for column in cursor.description]
            rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
            shipped[table] = [{name: row[name] for name in row if not name.endswith("_at")} for row in rows]
    return shipped


def test_steps_and_squashed_migrations_make_the_same_and_an_installed_database_has_nothing_to_do(
    names: tuple[str, str],
) -> None:
    steps, squashed = names
    with empty_database(steps):
        migrate_by_steps()
        by_steps = schema(), content()
        executor = MigrationExecutor(connection)
        executor.loader.check_consistent_history(connection)
        assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
        call_command("migrate", verbosity=0, interactive=False)
        assert by_steps == (schema(), content())
        applied = {key for key in MigrationRecorder(connection).applied_migrations() if key[0] in APPS}
        assert {app for app, name in applied if "squashed" in name} == set(APPS)
    with empty_database(squashed):
        call_command("migrate", verbosity=0, interactive=False)
        assert (schema(), content()) == by_steps
        call_command("migrate", "deployments", "zero", verbosity=0, interactive=False)
        assert not [table for table in schema() if table.startswith(("deployments", "monitoring"))]
