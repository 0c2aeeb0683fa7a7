"""Real models, saved with MLflow to a directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.pyfunc.model import PythonModel
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.linear_model import LogisticRegression

FRAME = pd.DataFrame({"age": [21.0, 45.0, 63.0, 30.0], "income": [1.5, 3.0, 9.25, 2.0], "city": [0, 1, 1, 0]})


def save_classifier(path: Path) -> Path:
    labels = np.array([0, 1, 1, 0])
    model = LogisticRegression().fit(FRAME, labels)
    signature = infer_signature(FRAME, labels)
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, input_example=FRAME[:2], pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )  # fmt: skip
    return path


class FrameModel(PythonModel):
    """Several columns out, with the values that JSON finds hard."""

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        scale = float((params or {}).get("scale", 1.0))
        return pd.DataFrame(
            {
                "score": model_input["age"] * scale,
                "missing": [float("nan")] * len(model_input),
                "at": [pd.Timestamp("2026-01-02T03:04:05Z")] * len(model_input),
                "count": np.arange(len(model_input), dtype="int64"),
            }
        )


def save_frame_model(path: Path) -> Path:
    columns: list[ColSpec | TensorSpec] = [
        ColSpec("double", "age"),
        ColSpec("double", "income"),
        ColSpec("string", "note", required=False),
    ]
    signature = ModelSignature(
        inputs=Schema(columns),
        outputs=Schema([ColSpec("double", "score"), ColSpec("double", "missing"), ColSpec("datetime", "at")]),
        params=ParamSchema([ParamSpec("scale", "double", 1.0)]),
    )
    mlflow.pyfunc.save_model(
        str(path), python_model=FrameModel(), signature=signature, pip_requirements=[],
        input_example=FRAME[["age", "income"]].assign(note="x")[:1],
    )  # fmt: skip
    return path


class TensorModel(PythonModel):
    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> Any:
        return np.asarray(model_input).sum(axis=1)


def save_tensor_model(path: Path) -> Path:
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 3))]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1,))]),
    )
    mlflow.pyfunc.save_model(
        str(path), python_model=TensorModel(), signature=signature, pip_requirements=[],
        input_example=np.ones((2, 3), dtype="float32"),
    )  # fmt: skip
    return path


class BrokenExampleModel(PythonModel):
    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        return list(model_input["a column that is not there"])


def save_model_that_fails_on_its_example(path: Path) -> Path:
    """The example is put beside the model afterwards, because MLflow itself would refuse to log it quietly."""
    mlflow.pyfunc.save_model(
        str(path), python_model=BrokenExampleModel(), pip_requirements=[],
        input_example=FRAME[:1], signature=infer_signature(FRAME),
    )  # fmt: skip
    return path
