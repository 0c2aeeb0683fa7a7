"""Support: which customers will leave? 5,000 telephone customers (R package modeldata, data set mlc_churn).

The model returns a probability and the band that the support desk uses. It is logged as a pyfunc "from code":
churn_risk_model.py is stored with the model, so serving does not need this package.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import joblib  # type: ignore[import-untyped]
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sandbox.examples.dataset import load, pinned
from sandbox.examples.experiment import describe, registered_version, training_run
from sandbox.examples.training_data import log_training_data

DESCRIPTION = (
    "Risk that a telephone customer leaves, with a band for the support desk. Trained on mlc_churn (modeldata)."
)
TARGET = "churn"
SEED = 7
MODEL_CODE = Path(__file__).with_name("churn_risk_model.py")
PARAMS = {"n_estimators": 60, "max_depth": 12, "min_samples_leaf": 3, "class_weight": "balanced_subsample"}


def train(model_name: str) -> int:
    """Registers one model version and returns its number."""
    frame = load("modeldata", "mlc_churn")
    features, left = frame.drop(columns=TARGET), (frame[TARGET] == "yes").astype("int64")
    fit_x, test_x, fit_y, test_y = train_test_split(features, left, test_size=0.25, random_state=SEED, stratify=left)
    params = {**PARAMS, "rows_train": len(fit_x), "rows_test": len(test_x)}
    with training_run(model_name, "RandomForest", {"team": "support", "data": "modeldata/mlc_churn"}, params):
        classifier = _pipeline(features).fit(fit_x, fit_y)
        mlflow.log_metrics(_metrics(classifier, test_x, test_y))
        log_training_data(model_name, fit_x, fit_y)
        version = _register(model_name, classifier, test_x.head(3))
    describe(model_name, version, DESCRIPTION, {"estimator": "RandomForestClassifier", "task": "classification"})
    return version


def _pipeline(features: pd.DataFrame) -> Pipeline:
    text = [str(name) for name in features.select_dtypes(exclude="number").columns]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough")
    return make_pipeline(columns, RandomForestClassifier(random_state=SEED, n_jobs=1, **PARAMS))


def _metrics(classifier: Pipeline, features: pd.DataFrame, left: pd.Series) -> dict[str, float]:
    probability = classifier.predict_proba(features)[:, 1]
    return {
        "roc_auc": float(roc_auc_score(left, probability)),
        "average_precision": float(average_precision_score(left, probability)),
        "f1": float(f1_score(left, probability >= 0.5)),
    }


def _register(model_name: str, classifier: Pipeline, example: pd.DataFrame) -> int:
    answer = pd.DataFrame({"probability": [0.1], "band": ["low"]})
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "classifier.joblib"
        joblib.dump(classifier, file)
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(MODEL_CODE),
            artifacts={"classifier": str(file)},
            input_example=example,
            signature=infer_signature(example, answer),
            pip_requirements=pinned("scikit-learn", "pandas", "numpy", "joblib"),
            registered_model_name=model_name,
        )
    return registered_version(info)
