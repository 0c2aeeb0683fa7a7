"""A pytest plugin: the database of a test process is a copy of one that was migrated once.

On PostgreSQL the first process that comes makes the template, and the others wait for it. On SQLite the template is
a file of the user's cache.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.kept import ROOT, digest_of, kept

# Any number: it names the lock of the making of a template in a cluster.
TEMPLATE_LOCK = 7_031_977


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Without the policies and prices that Slipway comes with, as every test with real transactions leaves it.

    Otherwise a test would see them or not by its place in the order.
    """
    creation: Any = connection.creation
    name = str(creation._get_test_db_name())
    copy = postgres_copy if connection.vendor == "postgresql" else sqlite_copy
    with django_db_blocker.unblock(), copy(name):
        connection.ops.sql_flush = deletes  # type: ignore[assignment, method-assign]
        django_db_blocker.block()
        yield
        django_db_blocker.restore()


def deletes(style: Any, tables: list[str], **_: bool) -> list[str]:
    """Empties the few rows of a test with real transactions: to TRUNCATE makes new files for each table and index.

    In one transaction, so that foreign keys, which are all deferred, are looked at when every table is empty.
    """
    return [f"DELETE FROM {connection.ops.quote_name(table)};" for table in tables]  # noqa: S608  # names of ours


def migrations_digest() -> str:
    """Of all that decides what an empty, migrated database looks like."""
    folders = [Path(config.path) / "migrations" for config in apps.get_app_configs()]
    ours = [path for folder in folders if folder.is_relative_to(ROOT) for path in folder.glob("*.py")]
    ours = [path for path in ours if ".venv" not in path.parts]
    return digest_of([*ours, ROOT / "portal" / "settings.py", Path(__file__)], connection.vendor)


def migrate(name: str) -> None:
    """Make the database ``name`` with the schema of today, and empty."""
    with database_named(name):
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        call_command("flush", verbosity=0, interactive=False)
        connection.close()


@contextmanager
def database_named(name: str) -> Iterator[None]:
    """``name`` is the database that the connection uses and that create_test_db makes."""
    settings: dict[str, Any] = connection.settings_dict
    before, test_before = settings["NAME"], settings["TEST"]["NAME"]
    connection.close()
    settings["NAME"] = settings["TEST"]["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        settings["NAME"], settings["TEST"]["NAME"] = before, test_before


@contextmanager
def sqlite_copy(name: str) -> Iterator[None]:
    template = kept("sqlite", migrations_digest(), lambda directory: migrate(str(directory / "template.sqlite3")))
    for rest in Path(name).parent.glob(f"{Path(name).name}*"):
        rest.unlink()
    shutil.copyfile(template / "template.sqlite3", name)
    with database_named(name):
        yield


@contextmanager
def postgres_copy(name: str) -> Iterator[None]:
    template = f"slipway_template_{migrations_digest()}"
    creation: Any = connection.creation
    with creation._nodb_cursor() as cursor:
        # The lock goes with the session: a process that dies half-way does not hold up the others.
        cursor.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template])
        if not cursor.fetchone():
            migrate(f"{template}_new")
            cursor.execute(f'ALTER DATABASE "{template}_new" RENAME TO "{template}"')
        cursor.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    with database_named(name):
        yield
    with creation._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
