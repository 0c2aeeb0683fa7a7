"""The Delta tables of Unity Catalog that Spark can read, with permission checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sandbox.identity.principals import Principal
from sandbox.store import Store
from sandbox.unity_catalog.securables import access, objects
from sandbox.unity_catalog.securables.objects import TABLE

SELECT = "SELECT"
LOCATION = "storage_location"


@dataclass(frozen=True)
class SparkTable:
    """A Delta table of Unity Catalog."""

    full_name: str
    #: A local directory.
    location: str
    is_readable: bool


class SparkCatalog:
    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, full_name: str, who: Principal) -> SparkTable | None:
        """None if the table does not exist. ``full_name`` is in lower case."""
        with self._store.reading() as connection:
            known = objects.find(connection, TABLE, full_name)
            if known is None:
                return None
            location = unquote(urlsplit(str(known.attributes.get(LOCATION) or "")).path)
            return SparkTable(known.full_name, location, access.is_allowed(connection, who, known, SELECT))


def is_delta(location: str) -> bool:
    return bool(location) and (Path(location) / "_delta_log").is_dir()
