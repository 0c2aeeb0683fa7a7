"""Checks ports before anything starts: a program that cannot bind reports it late and in its own log."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from django.conf import settings

LOOPBACK = "127.0.0.1"


def portal_url() -> str:
    return f"http://{LOOPBACK}:{settings.PORT}"


def sandbox_url() -> str:
    return f"http://{LOOPBACK}:{settings.SANDBOX_PORT}"


class PortTaken(Exception):
    """Another program uses the port. The message names the variable to change."""


def check_free(ports: Mapping[str, int]) -> None:
    """``ports`` is {variable: port}. Raises PortTaken for duplicates and for the first port in use."""
    if len(set(ports.values())) < len(ports):
        raise PortTaken(f"{' and '.join(ports)} have the same port {min(ports.values())}. Choose different ports.")
    for variable, port in ports.items():
        if not is_free(port):
            raise PortTaken(
                f"Port {port} is in use by another program. Choose another port: {variable}={port + 1} make demo"
            )


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this option too: it allows ports in TIME_WAIT.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
