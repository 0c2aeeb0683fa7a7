"""The served churn model. MLflow stores this file with the model and runs it to load the model."""

from __future__ import annotations

import joblib  # type: ignore[import-untyped]
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

# Upper bounds of the bands. They follow from the number of calls that the support desk can make in a week.
BANDS = [(0.3, "low"), (0.6, "medium"), (1.0, "high")]


class ChurnRisk(PythonModel):
    """Returns one row for each row: ``probability`` (0 to 1) and ``band``."""

    def load_context(self, context: PythonModelContext) -> None:
        self._classifier = joblib.load(context.artifacts["classifier"])

    # No annotations: MLflow would read them as a second signature.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        probability = self._classifier.predict_proba(model_input)[:, 1]
        bands = [next(name for bound, name in BANDS if value <= bound) for value in probability]
        return pd.DataFrame({"probability": probability, "band": bands})


set_model(ChurnRisk())
