"""`python -m serving --model-path DIR --port N`: serve one MLflow model."""

from __future__ import annotations

import os
import sys

from serving.settings import ServingSettings, read_settings


def main() -> None:
    settings = read_settings(sys.argv[1:], os.environ)
    # os._exit, so that a prediction still running after the grace time or a failed import cannot block the exit.
    status = serve(settings)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve(settings: ServingSettings) -> int:
    """Run until a signal and return the exit status."""
    # Imported after the arguments have been checked, so that a bad argument fails immediately.
    import uvicorn

    from serving.app import create_app
    from serving.logs import configure_logging
    from serving.server import DrainingServer, watch_parent

    configure_logging(settings.name)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    server = DrainingServer(config, app, settings)
    if settings.parent_pid is not None:
        watch_parent(settings.parent_pid, settings.grace_s)
    server.run()
    return server.exit_status


if __name__ == "__main__":
    main()
