"""``python -m sandbox`` runs the workspace on the loopback address. SIGTERM and SIGINT end it and all its children."""

from __future__ import annotations

import os
import sys

import uvicorn

from sandbox.app import create_app
from sandbox.config import ConfigError, SandboxSettings

SHUTDOWN_GRACE_S = 5


def main() -> int:
    try:
        settings = SandboxSettings.from_environ(os.environ)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level=os.environ.get("LOG_LEVEL", "info").lower(),
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
