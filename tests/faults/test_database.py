"""The database goes away for a moment: what was written stays, what was not is done again."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from cryptography.fernet import Fernet

from tests.faults.cases import Case
from tests.postgres import cluster
from tests.product import Product
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("product"), pytest.mark.timeout(900)]

LOCKED_S = 3.0
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"


@contextmanager
def exclusive_lock(case: Case) -> Iterator[None]:
    """Nobody else writes to the SQLite file while the block runs."""
    path = case.product.stack.var_dir / "slipway.sqlite3"
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            database.execute("ROLLBACK")


@pytest.mark.matrix
@pytest.mark.parametrize("stage", ["plan", "apply", "endpoint"])
def test_a_database_that_is_locked_for_seconds_delays_a_run_and_no_more(case: Case, stage: str) -> None:
    case.deploy()
    case.see(stage)
    with exclusive_lock(case):
        threading.Event().wait(LOCKED_S)
    case.struck()
    case.succeed()


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, str]]:
    """The product on a PostgreSQL of its own, and the address of that."""
    with cluster() as url:
        secrets = {"SECRET_KEY": "of-this-test-and-of-nothing-else", "STATE_KEYS": Fernet.generate_key().decode()}
        environment = {"DATABASE_URL": url, **secrets}
        var_dir = tmp_path_factory.mktemp("postgres") / "var"
        with Stack(var_dir, content=True, environment=environment) as stack:
            yield Product(stack), url


@pytest.mark.matrix
@pytest.mark.parametrize("stage", ["plan", "apply", "endpoint"])
def test_a_run_survives_the_loss_of_every_database_connection(
    on_postgres: tuple[Product, str], stage: str, request: pytest.FixtureRequest
) -> None:
    product, url = on_postgres
    case = Case.of(product, request.node.name)
    case.deploy()
    case.see(stage)
    with psycopg.connect(url, autocommit=True) as connection:
        cut = len(connection.execute(CUT).fetchall())
    case.struck()
    print(f"{cut} connections cut")
    assert cut
    case.succeed(resume=True)
