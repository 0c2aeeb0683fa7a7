"""Sessions on the Sail server. A new session has no tables: each session names the tables that it needs."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.config import LOOPBACK
from sandbox.spark.catalog import SparkTable

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

logger = logging.getLogger(__name__)
MAX_RETRIES = 3
# Sail has a read-only catalog of this name, so SQL is rewritten to the other name.
TAKEN_CATALOG, INSTEAD = "system", "__system"


def remote_url(port: int, session_id: str, user_id: str) -> str:
    return f"sc://{LOOPBACK}:{port}/;session_id={session_id};user_id={user_id}"


def quoted_name(full_name: str) -> str:
    """The name of a Unity Catalog table in Sail, each part in backquotes."""
    catalog, *rest = full_name.split(".")
    return ".".join(quoted(part) for part in [INSTEAD if catalog == TAKEN_CATALOG else catalog, *rest])


def quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


@contextmanager
def new_session(port: int, user_id: str) -> Iterator[SparkSession]:
    """A new session, released at the end of the block."""
    session = _connected(remote_url(port, str(uuid.uuid4()), user_id))
    try:
        yield session
    finally:
        _release(session)


def prepare_session(port: int, session_id: str, user_id: str, tables: Iterable[SparkTable]) -> None:
    """Names tables in a session that a job's client uses."""
    session = _connected(remote_url(port, session_id, user_id))
    try:
        name_tables(session, tables)
    finally:
        session.client.close()


def end_session(port: int, session_id: str, user_id: str) -> None:
    _release(_connected(remote_url(port, session_id, user_id)))


def name_tables(session: SparkSession, tables: Iterable[SparkTable]) -> None:
    """Skips tables that cannot be read: statements that use them fail with "table not found"."""
    from pyspark.errors import PySparkException

    known: set[str] = set()
    for table in tables:
        name = quoted_name(table.full_name)
        schema = name.rpartition(".")[0]
        location = table.location.replace("\\", "\\\\").replace("'", "\\'")
        try:
            if schema not in known:
                session.sql(f"CREATE DATABASE IF NOT EXISTS {schema}")
            known.add(schema)
            session.sql(f"CREATE TABLE IF NOT EXISTS {name} USING delta LOCATION '{location}'")
        except PySparkException as error:
            logger.warning("Spark cannot read table %s: %s", table.full_name, type(error).__name__)


def _connected(url: str) -> SparkSession:
    # A late import: it takes 100 MB, which a workspace without Spark jobs and SQL does not need.
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession(connection=url)
    # The default retries for ten minutes.
    session.client.set_retry_policies([DefaultPolicy(max_retries=MAX_RETRIES)])
    return session


def _release(session: SparkSession) -> None:
    from pyspark.errors import PySparkException

    try:
        session.client.release_session()
    except PySparkException as error:
        logger.info("a Spark session was not released: %s", type(error).__name__)
    finally:
        session.client.close()
