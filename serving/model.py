"""A loaded MLflow model: load, prove, predict. Importing this module imports MLflow, which takes seconds."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow.environment_variables import _MLFLOW_IS_IN_SERVING_ENVIRONMENT
from mlflow.exceptions import MlflowException

from serving.errors import ServingError, bad_request
from serving.payload import JSON_TYPE, ModelInput, decode, encode

UNEXPECTED_MODEL_ERROR = (
    "Encountered an unexpected error while evaluating the model. Verify that the serialized input Dataframe "
    "is compatible with the model for inference. Error '{}: {}'"
)


class ServedModel:
    def __init__(self, pyfunc_model: Any, path: Path) -> None:
        self._model = pyfunc_model
        self._path = path
        self._takes_params = "params" in inspect.signature(pyfunc_model.predict).parameters

    @classmethod
    def load(cls, path: Path) -> ServedModel:
        """Load from a local directory. Raises any exception of MLflow or of the model's code."""
        os.environ[_MLFLOW_IS_IN_SERVING_ENVIRONMENT.name] = "true"
        return cls(mlflow.pyfunc.load_model(str(path)), path)

    @property
    def metadata(self) -> Any:
        """MLflow's `Model` with signature, flavors and run id."""
        return self._model.metadata

    def score(self, body: bytes, content_type: str | None) -> bytes:
        """Decode, predict and encode. Raises ServingError 400 for failures caused by the input or the model."""
        model_input = decode(body, content_type, self.metadata)
        return encode(self.predict(model_input), unwrapped=model_input.unwrapped)

    def predict(self, model_input: ModelInput) -> Any:
        try:
            if self._takes_params:
                return self._model.predict(model_input.data, params=model_input.params)
            return self._model.predict(model_input.data)
        except MlflowException as error:
            raise bad_request(_reason(error)) from error
        except MemoryError:
            raise
        except Exception as error:
            raise bad_request(UNEXPECTED_MODEL_ERROR.format(type(error).__name__, error)) from error

    def prove(self) -> bool:
        """Predict on the logged input example. False if there is none. Raises ServingError if it fails."""
        serving_input = self._serving_input()
        if serving_input is not None:
            self.score(serving_input.encode(), JSON_TYPE)
            return True
        if self._model.input_example is None:
            return False
        self.predict(ModelInput(self._model.input_example))
        return True

    def _serving_input(self) -> str | None:
        """The input example as a request body; None if MLflow did not log one."""
        try:
            text: str | None = self.metadata.get_serving_input(str(self._path))
        except (FileNotFoundError, MlflowException):
            return None
        return text if text is None or isinstance(text, str) else json.dumps(text)


def _reason(error: MlflowException) -> str:
    """The cause of a schema error, without the input, which MLflow puts before it."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, MlflowException | ServingError):
        return f"The request does not fit the model's signature. {cause.message}"
    return str(error.message)
