"""Many cases on the same rows: what a case does to the database is undone after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.db import transaction


@contextmanager
def undone() -> Iterator[None]:
    """A case of its own within a test: its changes are rolled back, and it counts for no throttle of the next."""
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
