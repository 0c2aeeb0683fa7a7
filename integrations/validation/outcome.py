"""The validation script that the portal uploads, its arguments and the parser of its result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from integrations.validation.job import MARKER

SCRIPT = Path(__file__).with_name("job.py").read_bytes()
SCRIPT_NAME = f"validate-{hashlib.sha256(SCRIPT).hexdigest()[:8]}.py"
RESULTS = ("pass", "warn", "fail")
CHECK_PARTS = ("name", "result", "message", "fix")
MOST_CHECKS = 20
PREDICTIONS = 20
LONGEST_S = 30


def parameters(full_name: str, version: int) -> list[str]:
    """The arguments of the script."""
    options = {"predictions": PREDICTIONS, "longest_s": LONGEST_S}
    return [f"models:/{full_name}/{version}", json.dumps(options)]


def read(output: str) -> dict[str, Any] | None:
    """The findings of the script; None if its last line is missing or not valid.

    "checks" is a list of {name, result, message, fix}; all other values are numbers or short strings. The output is
    not trusted, because the model can print to it, too.
    """
    lines = [line for line in output.splitlines() if line.startswith(f"{MARKER} ")]
    if not lines:
        return None
    try:
        # Databases cannot store NaN in JSON, nor NUL characters.
        found = json.loads(lines[-1].removeprefix(MARKER).replace("\\u0000", ""), parse_constant=_refuse)
    except ValueError:
        return None
    checks = found.get("checks") if isinstance(found, Mapping) else None
    if not isinstance(checks, list) or not all(_is_check(check) for check in checks):
        return None
    rest = {str(name)[:40]: value for name, value in found.items() if isinstance(value, int | float)}
    words = {str(name)[:40]: value[:100] for name, value in found.items() if isinstance(value, str)}
    kept = [{part: str(check.get(part, ""))[:1000] for part in CHECK_PARTS} for check in checks[:MOST_CHECKS]]
    return {**rest, **words, "checks": kept}


def _is_check(check: Any) -> bool:
    return isinstance(check, Mapping) and check.get("result") in RESULTS and bool(check.get("name"))


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
