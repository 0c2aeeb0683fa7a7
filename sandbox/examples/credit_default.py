"""Credit: will a borrower default? 4,454 consumer loans (R package modeldata, data set credit_data).

Two versions: a logistic regression as the baseline, and gradient boosting, tested on the same held-out quarter.
"""

from __future__ import annotations

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.base import ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sandbox.examples.dataset import load, pinned
from sandbox.examples.experiment import describe, registered_version, training_run
from sandbox.examples.training_data import log_training_data

DESCRIPTION = "Probability that a consumer loan defaults. Trained on credit_data of the R package modeldata."
TARGET = "Status"
SEED = 7
CATEGORICAL = ["Home", "Marital", "Records", "Job"]
NUMERIC = ["Seniority", "Time", "Age", "Expenses", "Income", "Assets", "Debt", "Amount", "Price"]


def train(model_name: str) -> int:
    """Registers both candidates and returns the version with the higher ROC AUC."""
    scores = {}
    for candidate in (
        LogisticRegression(max_iter=1000, C=0.1),
        HistGradientBoostingClassifier(
            learning_rate=0.05, max_iter=150, max_leaf_nodes=12, l2_regularization=1.0, random_state=SEED
        ),
    ):
        version, roc_auc = _train_one(model_name, candidate)
        scores[version] = roc_auc
    return max(scores, key=lambda version: scores[version])


def _train_one(model_name: str, candidate: ClassifierMixin) -> tuple[int, float]:
    frame = load("modeldata", "credit_data")
    features, defaulted = frame[CATEGORICAL + NUMERIC], (frame[TARGET] == "bad").astype("int64")
    fit_x, test_x, fit_y, test_y = train_test_split(
        features, defaulted, test_size=0.25, random_state=SEED, stratify=defaulted
    )
    kind = type(candidate).__name__
    scalars = {name: value for name, value in candidate.get_params().items() if isinstance(value, int | float | str)}
    params = {"estimator": kind, "rows_train": len(fit_x), "rows_test": len(test_x), **scalars}
    with training_run(model_name, kind, {"team": "fraud", "data": "modeldata/credit_data"}, params):
        pipeline = _pipeline(candidate).fit(fit_x, fit_y)
        metrics = _metrics(pipeline, test_x, test_y)
        mlflow.log_metrics(metrics)
        log_training_data(model_name, fit_x, fit_y)
        info = mlflow.sklearn.log_model(
            pipeline,
            name="model",
            input_example=test_x.head(3),
            pip_requirements=pinned("scikit-learn", "pandas", "numpy"),
            # Inferred from all rows: a column with any missing value must be optional.
            signature=infer_signature(features, pipeline.predict_proba(test_x)),
            pyfunc_predict_fn="predict_proba",
            serialization_format="cloudpickle",
            registered_model_name=model_name,
        )
    version = registered_version(info)
    describe(model_name, version, DESCRIPTION, {"estimator": kind, "task": "classification"})
    return version, metrics["roc_auc"]


def _pipeline(candidate: ClassifierMixin) -> Pipeline:
    """The data have missing incomes and unseen jobs, so the model handles both."""
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="unknown"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = make_column_transformer((categories, CATEGORICAL), (numbers, NUMERIC))
    return make_pipeline(columns, candidate)


def _metrics(pipeline: Pipeline, features: pd.DataFrame, defaulted: pd.Series) -> dict[str, float]:
    probability = pipeline.predict_proba(features)[:, 1]
    return {
        "roc_auc": float(roc_auc_score(defaulted, probability)),
        "average_precision": float(average_precision_score(defaulted, probability)),
        "brier_score": float(brier_score_loss(defaulted, probability)),
        "accuracy": float(pipeline.score(features, defaulted)),
    }
