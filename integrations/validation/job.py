"""The script that runs in the workspace: loads a model version, predicts on its input example and measures both.

``job.py models:/catalog.schema.name/3 '{"predictions": 20, "longest_s": 30}'``. The last line of its output is
``SLIPWAY-VALIDATION`` and a JSON object with all findings. The exit status is 0 even if the version has problems.

The file is self-contained: it needs only the standard library and the version's requirements, which include MLflow.
On Databricks they are installed into a clean serverless environment. The sandbox installs nothing and runs the job
with its own Python.
"""

from __future__ import annotations

import json
import math
import platform
import resource
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from typing import Any

MARKER = "SLIPWAY-VALIDATION"
REASON_CHARS = 500
NUMBERS = {"integer", "long", "float", "double"}


class Report:
    """The findings, in order."""

    def __init__(self) -> None:
        self.checks: list[dict[str, str]] = []
        self.numbers: dict[str, float | int | str] = {}

    def add(self, name: str, result: str, message: str, fix: str = "") -> None:
        self.checks.append({"name": name, "result": result, "message": message, "fix": fix})

    def fault(self, name: str, action: str, error: BaseException, fix: str) -> None:
        """Add an exception of the model as a finding. Its traceback goes to the output of the job."""
        traceback.print_exception(error)
        self.add(name, "fail", f"{action} raised {type(error).__name__}: {str(error)[:REASON_CHARS]}.", fix)


def validate(uri: str, predictions: int, longest_s: float) -> Report:
    report = Report()
    with tempfile.TemporaryDirectory() as directory:
        model = _load(uri, directory, report)
        if model is not None:
            _try_out(model, directory, report, predictions, longest_s)
    # ru_maxrss is in KiB on Linux.
    report.numbers["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    report.numbers["python"] = platform.python_version()
    return report


def _load(uri: str, directory: str, report: Report) -> Any:
    """Download the model to ``directory`` and load it; None if that fails."""
    try:
        # Imported inside the try block: an environment without MLflow is a finding, too.
        import mlflow.artifacts
        import mlflow.pyfunc

        mlflow.set_registry_uri("databricks-uc")
        report.numbers["mlflow"] = mlflow.__version__
        began = time.perf_counter()
        mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=directory)
        report.numbers["download_s"] = round(time.perf_counter() - began, 3)
        began = time.perf_counter()
        model = mlflow.pyfunc.load_model(directory)
    except Exception as error:
        report.fault("Loads", "loading the version", error, "Log all packages that it imports as requirements.")
        return None
    report.numbers["load_s"] = round(time.perf_counter() - began, 3)
    report.add("Loads", "pass", f"loaded in {report.numbers['load_s']} s with its own requirements.")
    return model


def _try_out(model: Any, directory: str, report: Report, predictions: int, longest_s: float) -> None:
    signature = model.metadata.signature
    if signature is None:
        report.add("Signature", "fail", "it has no signature.", "Log it with input_example= or signature=.")
    else:
        report.add("Signature", "pass", "it has a signature.")
    if not model.metadata.saved_input_example_info:
        report.add("Predicts", "warn", "it has no input example to predict on.", "Log it with input_example=.")
        return
    try:
        example = model.metadata.load_input_example(directory)
        params = model.metadata.load_input_example_params(directory)
        began = time.perf_counter()
        prediction = model.predict(example, params=params)
        report.numbers["first_ms"] = round((time.perf_counter() - began) * 1000, 3)
        measured_ms = _latencies_ms(model, example, params, predictions, longest_s)
    except Exception as error:
        report.fault("Predicts", "predicting on its input example", error, "Log an input example that it accepts.")
        return
    report.add("Predicts", "pass", "it predicts on its input example.")
    _check_output(signature, prediction, report)
    report.numbers |= {
        "predictions": len(measured_ms),
        "latency_median_ms": round(statistics.median(measured_ms), 3),
        # The 95th percentile by nearest rank.
        "latency_p95_ms": round(sorted(measured_ms)[math.ceil(0.95 * len(measured_ms)) - 1], 3),
    }


def _latencies_ms(model: Any, example: Any, params: Any, predictions: int, longest_s: float) -> list[float]:
    """Latencies of up to ``predictions`` predictions, at least one, within ``longest_s`` seconds."""
    measured: list[float] = []
    end = time.perf_counter() + longest_s
    while not measured or (len(measured) < predictions and time.perf_counter() < end):
        began = time.perf_counter()
        model.predict(example, params=params)
        measured.append((time.perf_counter() - began) * 1000)
    return measured


def _check_output(signature: Any, prediction: Any, report: Report) -> None:
    if signature is None or signature.outputs is None:
        report.add("Output", "warn", "its signature has no outputs.")
        return
    from mlflow.models import infer_signature

    try:
        outputs = infer_signature(model_output=prediction).outputs
    except Exception as error:
        report.fault("Output", "reading the schema of the prediction", error, "")
        return
    wrong = misfit(signature.outputs.to_dict(), outputs.to_dict())
    if wrong:
        report.add("Output", "fail", f"the prediction does not fit the signature: {wrong}.", "Log the signature again.")
    else:
        report.add("Output", "pass", "the prediction fits the signature.")


def misfit(promised: list[Mapping[str, Any]], given: list[Mapping[str, Any]]) -> str:
    """The first difference between the ``given`` and the ``promised`` columns; "" if they match.

    Both are lists from Schema.to_dict. Integers and floats match, because a float column with integral values is
    inferred as integers. Columns and tensors match if their numbers are equal.
    """
    if len(promised) != len(given):
        return f"{len(given)} columns instead of {len(promised)}"
    found = {str(column.get("name", position)): column for position, column in enumerate(given)}
    for position, column in enumerate(promised):
        name = str(column.get("name", position))
        if name not in found:
            return f"no column {name}"
        kind, wanted = _kind(found[name]), _kind(column)
        if kind != wanted and "any" not in (kind, wanted) and "tensor" not in (column["type"], found[name]["type"]):
            return f"column {name} is {kind}, not {wanted}"
    return ""


def _kind(column: Mapping[str, Any]) -> str:
    name = str(column["type"])
    return "number" if name in NUMBERS else name


def main(uri: str, options: str) -> None:
    wanted = json.loads(options)
    report = validate(uri, int(wanted["predictions"]), float(wanted["longest_s"]))
    sys.stderr.flush()
    print(f"\n{MARKER} {json.dumps({'checks': report.checks, **report.numbers})}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
