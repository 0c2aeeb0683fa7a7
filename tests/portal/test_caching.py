"""Counts that all processes share: never in the database of the broker, and never at the cost of an answer."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from accounts.models import User
from accounts.signin import guard
from embedded.parts import redis as redis_part
from portal import caching
from tests.waiting import wait_until

SOCKET = "redis+socket:///var/redis.sock"


def address(chosen: str, broker: str) -> str:
    return str(caching.caches(chosen, broker)["default"]["LOCATION"][0])


@pytest.mark.parametrize(
    ("chosen", "broker", "expected"),
    [
        ("", "redis://redis:6379/0", "redis://redis:6379/1"),
        ("", "redis://redis", "redis://redis/1"),
        ("", "redis://:pass%2Fword,x@redis/1", "redis://:pass%2Fword,x@redis/2"),
        ("", "rediss://redis/3?ssl_cert_reqs=CERT_NONE", "rediss://redis/1?ssl_cert_reqs=none"),
        ("", SOCKET, "unix:///var/redis.sock?db=1"),
        ("", f"{SOCKET}?virtual_host=1", "unix:///var/redis.sock?db=2"),
        (f"{SOCKET}?virtual_host=4", "redis://redis/0", "unix:///var/redis.sock?db=4"),
        ("redis://other/0", "redis://redis/0", "redis://other/0"),
    ],
)
def test_counts_have_a_database_of_their_own(chosen: str, broker: str, expected: str) -> None:
    assert address(chosen, broker) == expected
    assert redis.ConnectionPool.from_url(expected)


@pytest.mark.parametrize(
    ("chosen", "broker"),
    [
        ("redis://redis/0", "redis://redis"),
        (SOCKET, f"{SOCKET}?virtual_host=0"),
        ("http://redis/1", "redis://redis/0"),
        ("redis://redis/one", "redis://redis/0"),
    ],
)
def test_a_cache_that_is_none_or_the_brokers_stops_the_start(chosen: str, broker: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CACHE_URL"):
        caching.caches(chosen, broker)


def test_processes_may_count_by_themselves() -> None:
    found = caching.caches("locmem", SOCKET)
    assert {cache["BACKEND"] for cache in found.values()} == {caching.LOCMEM}
    assert len({cache["LOCATION"] for cache in found.values()}) == 2


# -- with a Redis of the test's own ----------------------------------------------------------------


class Server:
    """A real Redis on a Unix socket, that a test may stop and start again."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self.broker = f"redis+socket://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = redis_part(self.socket).command
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 30)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None

    def database(self, number: int) -> Any:
        return redis.Redis(unix_socket_path=str(self.socket), db=number)

    def _answers(self) -> bool:
        try:
            return bool(self.database(0).ping())
        except redis.exceptions.ConnectionError:
            return False


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("redis"))
    running.start()
    settings.CACHES = caching.caches("", running.broker)
    yield running
    running.stop()


def test_another_process_counts_on(server: Server) -> None:
    guard.note_failure("eva", "10.0.0.1")
    program = (
        "import django; django.setup(); from accounts.signin import guard;"
        f"[guard.note_failure('eva', '10.0.0.1') for _ in range({guard.MAX_FAILURES - 1})]"
    )
    environment = {**os.environ, "CACHE_URL": "", "REDIS_URL": server.broker}
    assert not guard.is_blocked("eva", "10.0.0.1")
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert guard.is_blocked("eva", "10.0.0.1")


def test_clearing_the_cache_leaves_the_messages_of_the_broker(server: Server) -> None:
    server.database(0).lpush("default", "a message")
    caches["default"].set("count", 1)
    assert server.database(1).dbsize() == 1
    caches["default"].clear()
    assert (server.database(0).dbsize(), server.database(1).dbsize()) == (1, 0)


def test_the_api_is_throttled_and_without_redis_it_is_not(
    server: Server, viewer: User, api_as: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("web.counting.UserRateThrottle.rate", "2/minute", raising=False)
    client = api_as(viewer)
    assert [client.get("/api/v1/me/").status_code for _ in range(3)] == [200, 200, 429]
    server.stop()
    with caplog.at_level(logging.WARNING):
        assert client.get("/api/v1/me/").status_code == 200
    assert "the API is not throttled" in caplog.text
    server.start()
    assert [client.get("/api/v1/me/").status_code for _ in range(3)] == [200, 200, 429]


def test_without_redis_the_guard_counts_in_its_own_process(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    with caplog.at_level(logging.WARNING):
        for _ in range(guard.MAX_FAILURES):
            assert not guard.is_blocked("eva", "10.0.0.1")
            guard.note_failure("eva", "10.0.0.1")
        assert guard.is_blocked("eva", "10.0.0.1")
        guard.note_success("eva", "10.0.0.1")
        assert not guard.is_blocked("eva", "10.0.0.1")
    assert "counting in this process only" in caplog.text


def test_a_redis_that_takes_connections_and_says_nothing_holds_nobody_up_for_long(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        settings.CACHES = caching.caches("", f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        assert not guard.is_blocked("eva", "10.0.0.1")
