"""Settings of the container from the command line, `SERVING_*` environment variables or defaults, in this order."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Databricks documents 16 MB per request and 297 s per prediction for custom models.
DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024
DEFAULT_REQUEST_TIMEOUT_S = 297.0


@dataclass(frozen=True)
class ServingSettings:
    """Settings of the server."""

    model_path: Path
    port: int = 8080
    host: str = "127.0.0.1"
    port_file: Path | None = None
    name: str = ""
    #: Predictions that run at the same time.
    concurrency: int = 4
    #: Requests that can wait for a slot.
    queue_size: int = 64
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    request_timeout_s: float = DEFAULT_REQUEST_TIMEOUT_S
    #: Time for running requests to finish after SIGTERM, in seconds.
    grace_s: float = 30.0
    #: The server stops when this process is no longer its parent.
    parent_pid: int | None = None


def read_settings(argv: Sequence[str], environ: Mapping[str, str]) -> ServingSettings:
    """Parse and check the settings. Exits with status 2 and a message on standard error for a bad value."""
    parser = _parser(environ)
    options = parser.parse_args(argv)
    if options.model_path is None:
        parser.error("--model-path (or SERVING_MODEL_PATH) is required")
    model_path = Path(options.model_path).resolve()
    if not (model_path / "MLmodel").is_file():
        parser.error(f"--model-path: {model_path} does not contain an MLmodel file")
    values = vars(options) | {"model_path": model_path, "name": options.name or model_path.name}
    return ServingSettings(**values)


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving", description="Serve one MLflow model over HTTP.")

    def option(flag: str, kind: Callable[[str], object], default: object, text: str) -> None:
        variable = "SERVING_" + flag.strip("-").replace("-", "_").upper()
        parser.add_argument(flag, type=kind, default=environ.get(variable, default), help=f"{text} [{variable}]")

    option("--model-path", str, None, "directory of an MLflow model (required)")
    option("--host", str, "127.0.0.1", "address to bind")
    option("--port", _port, 8080, "port to bind, 0 for any free port")
    option("--port-file", Path, None, "file to write the bound port to, for use with --port 0")
    option("--name", str, "", "served entity name, for logs and the served-model-name header")
    option("--concurrency", _positive_int, 4, "predictions that run at the same time")
    option("--queue-size", _whole_number, 64, "requests that can wait for a slot; further requests get 429")
    option("--max-body-bytes", _positive_int, DEFAULT_MAX_BODY_BYTES, "maximum size of a request body in bytes")
    option("--request-timeout-s", _positive_float, DEFAULT_REQUEST_TIMEOUT_S, "maximum time of a prediction in seconds")
    option("--grace-s", _positive_float, 30.0, "time for running requests to finish after SIGTERM, in seconds")
    option("--parent-pid", int, None, "stop when this process is no longer the parent")
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value


def _whole_number(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def _positive_float(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{value} is not a positive number")
    return value
