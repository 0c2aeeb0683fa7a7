"""The MLflow tracking server in one process: like ``mlflow server --workers 1``, without its parent process.

The parent would die with the sandbox and leave its worker running. Arguments: directory and port.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn

from sandbox.config import LOOPBACK


def database_uri(directory: Path) -> str:
    return f"sqlite:///{directory / 'mlflow.db'}"


def configure(directory: Path) -> None:
    """Sets the variables that the MLflow application reads on import."""
    from mlflow.server import constants as server  # slow import; only this process needs it

    artifacts = directory / "artifacts"
    artifacts.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            server.BACKEND_STORE_URI_ENV_VAR: database_uri(directory),
            server.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
            server.ARTIFACTS_DESTINATION_ENV_VAR: artifacts.as_uri(),
            server.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
    )


def create_tables(directory: Path) -> None:
    """Creates the tables before the server answers. Two concurrent first requests would both create them and fail."""
    from mlflow.server.handlers import initialize_backend_stores  # needs the variables that configure() sets

    initialize_backend_stores(database_uri(directory), None, "mlflow-artifacts:/")


def main() -> None:
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    configure(directory)
    create_tables(directory)
    uvicorn.run("mlflow.server.fastapi_app:app", host=LOOPBACK, port=port, workers=1, access_log=False)


if __name__ == "__main__":
    main()
