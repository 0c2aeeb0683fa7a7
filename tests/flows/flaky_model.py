"""Registers three versions of a model with plain MLflow: 1 and 3 answer always, 2 fails one request in five.

Run with MLFLOW_TRACKING_URI, MLFLOW_REGISTRY_URI and MLFLOW_TRACKING_TOKEN: ``python flaky_model.py FULL_NAME``.
"""

from __future__ import annotations

import sys
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

FAILS = (False, True, False)


class Flaky(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined, unused-ignore]
    def __init__(self, fails: bool) -> None:
        self.fails = fails

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> list[float]:
        amounts = [float(value) for value in model_input["amount"]]
        if self.fails and any(amount % 5 == 4 for amount in amounts):
            raise RuntimeError("the model does not know such an amount")
        return [amount / 100 for amount in amounts]


def main() -> None:
    example = pd.DataFrame({"amount": [10.0]})
    for fails in FAILS:
        mlflow.pyfunc.log_model(
            name="model",
            python_model=Flaky(fails),
            input_example=example,
            signature=infer_signature(example, np.array([0.1])),
            pip_requirements=[],
            registered_model_name=sys.argv[1],
        )


if __name__ == "__main__":
    main()
