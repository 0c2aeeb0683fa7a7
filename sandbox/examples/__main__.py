"""Train, register and promote all examples: ``python -m sandbox.examples``.

Reads MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN. Idempotent: a second run finds all models and trains nothing.
"""

from __future__ import annotations

import os
import sys

from sandbox.examples.registry import missing_models


def main() -> int:
    missing = missing_models()
    if not missing:
        print("every example is registered", flush=True)
        return 0
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # Late imports: MLflow and scikit-learn take seconds to import, and a second run needs neither.
    from sandbox.examples.training import train_all

    train_all(missing)
    return 0


if __name__ == "__main__":
    sys.exit(main())
