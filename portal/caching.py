"""Which Redis the settings name for counts that all processes share, and never the broker's database of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

# The value of CACHE_URL for a portal whose processes count by themselves.
BY_PROCESS = "locmem"
SCHEMES = ("redis", "rediss", "redis+socket")
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
# A Redis that does not answer must not hold up pages. One more try: a restart of Redis closes open connections.
OPTIONS = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError, TimeoutError)),
}


def caches(chosen: str, broker: str) -> dict[str, dict[str, Any]]:
    """The setting CACHES: "default" is shared by all processes unless ``chosen`` says otherwise, "process" never is.

    Without ``chosen`` the default is the first spare database of the broker's Redis. Raises ImproperlyConfigured.
    """
    process = {"BACKEND": LOCMEM, "LOCATION": "process"}
    if chosen == BY_PROCESS:
        return {"default": {"BACKEND": LOCMEM, "LOCATION": "default"}, "process": process}
    if chosen and urlsplit(chosen).scheme not in SCHEMES:
        raise ImproperlyConfigured(f"CACHE_URL is neither {BY_PROCESS} nor one of {', '.join(SCHEMES)}")
    spare = 2 if database_of(broker) == 1 else 1
    address = redis_address(chosen) if chosen else redis_address(broker, spare)
    if address == redis_address(broker):
        raise ImproperlyConfigured("CACHE_URL names the broker's database: choose another number")
    shared = {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # In a list: Django would split the text at every comma of a password.
        "LOCATION": [address],
        "KEY_PREFIX": "slipway",
        "OPTIONS": OPTIONS,
    }
    return {"default": shared, "process": process}


def database_of(url: str) -> int:
    """The number of the database that Celery uses there: 0 unless the URL says otherwise."""
    parts = urlsplit(url)
    is_socket = parts.scheme == "redis+socket"
    number = dict(parse_qsl(parts.query)).get("virtual_host", "") if is_socket else parts.path
    number = number.strip("/") or "0"
    if not number.isdecimal():
        raise ImproperlyConfigured("REDIS_URL and CACHE_URL end with the number of a database, for example /0")
    return int(number)


def redis_address(url: str, database: int | None = None) -> str:
    """A URL as Celery reads it, as redis-py reads it; ``database`` replaces its number."""
    parts = urlsplit(url)
    number = database_of(url) if database is None else database
    # kombu writes the constants of Python's ssl module, redis-py the words at their ends.
    query = {
        key: value.lower().removeprefix("cert_") if key == "ssl_cert_reqs" else value
        for key, value in parse_qsl(parts.query)
        if key != "virtual_host"
    }
    if parts.scheme == "redis+socket":
        return f"unix://{parts.netloc}{parts.path}?{urlencode({**query, 'db': number})}"
    return urlunsplit((parts.scheme, parts.netloc, f"/{number}", urlencode(query), ""))
