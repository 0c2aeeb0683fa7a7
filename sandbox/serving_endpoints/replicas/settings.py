"""Settings of serving endpoints from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.config import ConfigError


@dataclass(frozen=True)
class EndpointSettings:
    """Settings of serving endpoints."""

    #: Extra time for each build.
    build_s: float = 0.0
    idle_s: float = 1800.0
    start_timeout_s: float = 300.0
    parallel_starts: int = 2
    #: Makes the traffic split repeatable.
    traffic_seed: int | None = None
    #: The delay of rows in inference tables. In a workspace it is up to an hour.
    delivery_s: float = 0.0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> EndpointSettings:
        """Raises ConfigError if a value is invalid."""
        seed = environ.get("SANDBOX_TRAFFIC_SEED")
        return cls(
            build_s=_seconds(environ, "SANDBOX_BUILD_SECONDS", cls.build_s),
            idle_s=_seconds(environ, "SANDBOX_IDLE_SECONDS", cls.idle_s),
            start_timeout_s=_seconds(environ, "SANDBOX_START_TIMEOUT_SECONDS", cls.start_timeout_s),
            parallel_starts=_whole(environ, "SANDBOX_PARALLEL_STARTS", cls.parallel_starts),
            traffic_seed=_whole(environ, "SANDBOX_TRAFFIC_SEED", 0) if seed else None,
            delivery_s=_seconds(environ, "SANDBOX_DELIVERY_SECONDS", cls.delivery_s),
        )


def _seconds(environ: Mapping[str, str], variable: str, default: float) -> float:
    try:
        value = float(environ.get(variable) or default)
    except ValueError:
        raise ConfigError(variable, "is not a number of seconds") from None
    if not 0 <= value < float("inf"):
        raise ConfigError(variable, "is not a number of seconds")
    return value


def _whole(environ: Mapping[str, str], variable: str, default: int) -> int:
    value = environ.get(variable) or str(default)
    if not value.isdecimal():
        raise ConfigError(variable, f"{value!r} is not a whole number")
    return int(value)
