"""Limits password guessing: counts failed log-ins per username and address.

All processes share the counters in Redis. While Redis is down, each process counts on its own, which multiplies the
limits by the number of web processes.
"""

from __future__ import annotations

import hashlib
from functools import partial

from django.core.cache import BaseCache

from web.counting import counted

MAX_FAILURES = 5
MAX_FAILURES_OF_ADDRESS = 50
WINDOW_S = 15 * 60


def is_blocked(username: str, address: str) -> bool:
    """Whether the username from this address, or the address alone, failed too often in the last WINDOW_S seconds."""
    person, place = _keys(username, address)
    counts = counted(lambda cache: cache.get_many([person, place]))
    return bool(counts.get(person, 0) >= MAX_FAILURES or counts.get(place, 0) >= MAX_FAILURES_OF_ADDRESS)


def note_failure(username: str, address: str) -> None:
    for key in _keys(username, address):
        counted(partial(_count, key))


def note_success(username: str, address: str) -> None:
    """Reset the failures of this username, but not those of the address: it may be guessing other passwords."""
    counted(lambda cache: cache.delete(_keys(username, address)[0]))


def _count(key: str, cache: BaseCache) -> None:
    # add, then incr: concurrent requests are all counted, and the window starts with the first.
    cache.add(key, 0, WINDOW_S)
    try:
        cache.incr(key)
    except ValueError:
        cache.set(key, 1, WINDOW_S)


def _keys(username: str, address: str) -> tuple[str, str]:
    person = hashlib.sha256(f"{username.strip().lower()}\n{address}".encode("utf-8", "replace")).hexdigest()
    place = hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()
    return f"login-failures:{person}", f"login-failures-from:{place}"
