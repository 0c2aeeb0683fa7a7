"""The setting CACHES: a Redis database for counters that all processes share, other than the broker's database."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

# The value of CACHE_URL for a portal whose processes count separately.
BY_PROCESS = "locmem"
SCHEMES = ("redis", "rediss", "redis+socket")
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
# Short timeouts, so that pages do not wait for a Redis that is down. One retry: a restart closes open connections.
OPTIONS = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError, TimeoutError)),
}


def caches(chosen: str, broker: str) -> dict[str, dict[str, Any]]:
    """The setting CACHES for the value ``chosen`` of CACHE_URL and the URL of the broker.

    The cache "default" is shared by all processes, unless ``chosen`` is BY_PROCESS; "process" is never shared.
    If ``chosen`` is empty, "default" is database 1 of the broker's Redis, or 2 if the broker uses 1.
    Raises ImproperlyConfigured if ``chosen`` is not valid or names the broker's database.
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
        # A list, because Django splits a string at commas, which a password may contain.
        "LOCATION": [address],
        "KEY_PREFIX": "slipway",
        "OPTIONS": OPTIONS,
    }
    return {"default": shared, "process": process}


def database_of(url: str) -> int:
    """The number of the Redis database in a URL for Celery; 0 by default. Raises ImproperlyConfigured."""
    parts = urlsplit(url)
    is_socket = parts.scheme == "redis+socket"
    number = dict(parse_qsl(parts.query)).get("virtual_host", "") if is_socket else parts.path
    number = number.strip("/") or "0"
    if not number.isdecimal():
        raise ImproperlyConfigured("REDIS_URL and CACHE_URL end with the number of a database, for example /0")
    return int(number)


def redis_address(url: str, database: int | None = None) -> str:
    """Convert a Redis URL from Celery's form to redis-py's; ``database`` replaces its database number."""
    parts = urlsplit(url)
    number = database_of(url) if database is None else database
    # kombu takes the names of ssl constants (CERT_NONE), redis-py only their last word (none).
    query = {
        key: value.lower().removeprefix("cert_") if key == "ssl_cert_reqs" else value
        for key, value in parse_qsl(parts.query)
        if key != "virtual_host"
    }
    if parts.scheme == "redis+socket":
        return f"unix://{parts.netloc}{parts.path}?{urlencode({**query, 'db': number})}"
    return urlunsplit((parts.scheme, parts.netloc, f"/{number}", urlencode(query), ""))
