"""``python -m tests.flows.predictions MODEL_URI``: what a model says to the rows on stdin, as JSON on stdout."""

from __future__ import annotations

import json
import sys

import mlflow
import numpy as np
import pandas as pd

if __name__ == "__main__":
    split = json.load(sys.stdin)["dataframe_split"]
    frame = pd.DataFrame(split["data"], columns=split["columns"])
    predicted = mlflow.pyfunc.load_model(sys.argv[1]).predict(frame)
    json.dump({"predictions": np.asarray(predicted).tolist()}, sys.stdout)
