"""Runs training programs in parallel, then copies the registered versions to the other catalogs."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mlflow import MlflowClient

from sandbox.examples import churn_risk, credit_default, diamond_price
from sandbox.examples.registry import CATALOGS, CHAMPION

Train = Callable[[str], int]
# Each program trains a model with the given name and returns the champion version.
PROGRAMS: dict[str, Train] = {
    "fraud.credit_default": credit_default.train,
    "pricing.diamond_price": diamond_price.train,
    "support.churn_risk": churn_risk.train,
}


def train_all(names: list[str]) -> None:
    """Raises the exceptions of training programs."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    # MLflow logs advice on every log_model. These programs ignore it on purpose.
    warnings.filterwarnings("ignore", module="mlflow")
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for line in pool.map(_train_and_promote, names):
            print(line, flush=True)


def _train_and_promote(name: str) -> str:
    started = time.monotonic()
    client = MlflowClient()
    trained = f"{CATALOGS[0]}.{name}"
    champion = PROGRAMS[name](trained)
    client.set_registered_model_alias(trained, CHAMPION, str(champion))
    for catalog in CATALOGS[1:]:
        _copy_versions(client, trained, f"{catalog}.{name}", champion)
    versions = client.search_model_versions(f"name='{trained}'")
    return f"{trained}: {len(versions)} versions, champion {champion}, {time.monotonic() - started:.0f} s"


def _copy_versions(client: MlflowClient, source: str, target: str, champion: int) -> None:
    """Copies version n of ``source`` to version n of ``target``. The champion stays the champion."""
    for version in range(_newest(client, target) + 1, _newest(client, source) + 1):
        client.copy_model_version(f"models:/{source}/{version}", target)
    client.set_registered_model_alias(target, CHAMPION, str(champion))


def _newest(client: MlflowClient, name: str) -> int:
    return max((int(row.version) for row in client.search_model_versions(f"name='{name}'")), default=0)
