"""A model whose second version fails one request in five, registered with plain MLflow and known to the portal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.product import Product
from tests.waiting import wait_until

SCRIPT = Path(__file__).with_name("flaky_model.py")
NEWEST_VERSION = 3
SYNC_TIMEOUT_S = 180


def register_flaky(product: Product, full_name: str) -> None:
    """Done once for a product, however many tests ask."""
    api = product.api("admin")
    newest = f"models/{full_name}/versions/{NEWEST_VERSION}/"
    if api.get(newest).status_code == 200:
        return
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": product.stack.sandbox_url,
        "MLFLOW_REGISTRY_URI": product.stack.sandbox_url,
        "MLFLOW_TRACKING_TOKEN": product.stack.record["sandbox_token"],
        # Else MLflow looks for a Spark that is not there.
        "SPARK_HOME": str(product.stack.var_dir),
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT), full_name], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    api.post("environments/staging/refresh/").raise_for_status()
    wait_until(lambda: api.get(newest).status_code == 200, SYNC_TIMEOUT_S, interval_s=0.25)
