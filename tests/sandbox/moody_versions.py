"""``python -m tests.sandbox.moody_versions NAME...``: logs and registers two versions of MoodyModel under each name."""

from __future__ import annotations

import sys

import mlflow

from tests.serving.moody_model import SIGNATURE, MoodyModel


def log_version(full_name: str) -> None:
    mlflow.pyfunc.log_model(
        name="model",
        python_model=MoodyModel(),
        signature=SIGNATURE,
        pip_requirements=[],
        registered_model_name=full_name,
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        log_version(name)
        log_version(name)
