"""What serving endpoints read from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.config import ConfigError


@dataclass(frozen=True)
class EndpointSettings:
    """`build_s` is added to every build; `traffic_seed` makes the split of traffic repeatable.

    `delivery_s`: how long rows take to the inference tables; in a workspace that is up to an hour.
    """

    build_s: float = 0.0
    idle_s: float = 1800.0
    start_timeout_s: float = 300.0
    parallel_starts: int = 2
    traffic_seed: int | None = None
    delivery_s: float = 0.0

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> EndpointSettings:
        """Raises ConfigError."""
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
