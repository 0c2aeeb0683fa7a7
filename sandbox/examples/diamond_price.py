"""Pricing: the price of a diamond. 53,940 round-cut diamonds (R package ggplot2, data set diamonds).

The grades are ordered, so the model takes them as numbers, 1 for the worst, like a dealer's price list. LightGBM then
needs no encoder.
"""

from __future__ import annotations

from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error, r2_score
from sklearn.model_selection import train_test_split

from sandbox.examples.dataset import graded, load, pinned
from sandbox.examples.experiment import describe, registered_version, training_run
from sandbox.examples.training_data import log_training_data

DESCRIPTION = "Price of a round-cut diamond in US dollars. Trained on diamonds of the R package ggplot2."
TARGET = "price"
SEED = 7
PARAMS: dict[str, Any] = {
    "n_estimators": 150,
    "learning_rate": 0.1,
    "num_leaves": 48,
    "min_child_samples": 40,
    "subsample": 0.8,
}


def train(model_name: str) -> int:
    """Registers one model version and returns its number."""
    frame = load("ggplot2", "diamonds")
    features, price = graded(frame.drop(columns=TARGET)), frame[TARGET]
    fit_x, test_x, fit_y, test_y = train_test_split(features, price, test_size=0.25, random_state=SEED)
    params = {**PARAMS, "rows_train": len(fit_x), "rows_test": len(test_x)}
    with training_run(model_name, "LGBMRegressor", {"team": "pricing", "data": "ggplot2/diamonds"}, params):
        regressor = lightgbm.LGBMRegressor(random_state=SEED, verbose=-1, n_jobs=2, **PARAMS).fit(fit_x, fit_y)
        mlflow.log_metrics(_metrics(test_y, np.asarray(regressor.predict(test_x))))
        log_training_data(model_name, fit_x, fit_y)
        # The gain of each feature, which LightGBM records during training.
        gains = [float(gain) for gain in regressor.booster_.feature_importance("gain")]
        info = mlflow.lightgbm.log_model(
            regressor,
            name="model",
            input_example=test_x.head(3),
            metadata={"feature_importance": dict(zip(features, gains, strict=True))},
            pip_requirements=pinned("lightgbm", "scikit-learn", "pandas", "numpy"),
            registered_model_name=model_name,
        )
    version = registered_version(info)
    describe(model_name, version, DESCRIPTION, {"estimator": "LGBMRegressor", "task": "regression"})
    return version


def _metrics(price: pd.Series, predicted: np.ndarray) -> dict[str, float]:
    return {
        "mae": float(mean_absolute_error(price, predicted)),
        "mape": float(mean_absolute_percentage_error(price, predicted)),
        "r2": float(r2_score(price, predicted)),
    }
