"""A model that does as its input says. Servers load it by this module's name, so it imports nothing that takes long."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, Schema

SIGNATURE = ModelSignature(inputs=Schema([ColSpec("string", "mood")]))


class MoodyModel(PythonModel):
    """Raises, waits, looks around or returns nonsense, as the first cell of its input says."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        mood = model_input["mood"].iloc[0]
        if mood == "raise":
            raise RuntimeError("the model does not like this row")
        if mood == "nonsense":
            return [object()]
        if mood == "set":
            return {"values": {1, 2}}
        if mood == "pid":
            return [str(os.getpid())]
        if str(mood).startswith("env "):
            return [os.environ.get(str(mood).removeprefix("env "), "(not set)")]
        if str(mood).startswith("wait"):
            time.sleep(float(str(mood).removeprefix("wait ")))  # the model is slow, not the test
        return [str(mood)]


def save_moody_model(path: Path) -> Path:
    mlflow.pyfunc.save_model(str(path), python_model=MoodyModel(), signature=SIGNATURE, pip_requirements=[])
    return path
