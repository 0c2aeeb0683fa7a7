from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from embedded.ports import PortTaken, check_free, is_free
from tests.stack import free_port


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_reported_with_the_variable_that_moves_it(taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"{taken} is in use.*SANDBOX_PORT={taken + 1}"):
        check_free({"PORT": free_port(), "SANDBOX_PORT": taken})


def test_two_parts_cannot_have_the_same_port() -> None:
    port = free_port()
    with pytest.raises(PortTaken, match="PORT and SANDBOX_PORT"):
        check_free({"PORT": port, "SANDBOX_PORT": port})


def test_free_ports_pass() -> None:
    port = free_port()
    assert is_free(port)
    check_free({"PORT": port})
