"""What the script of the validation job compares, and how its last line is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.validation import outcome
from integrations.validation.job import MARKER, misfit

CHECK = {"name": "Loads", "result": "pass", "message": "loaded.", "fix": ""}
TENSOR = {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}


def column(kind: str, name: str = "a") -> dict[str, Any]:
    return {"type": kind, "name": name}


@pytest.mark.parametrize(
    ("promised", "given"),
    [
        ([column("double")], [column("double")]),
        ([column("double")], [column("long")]),
        ([column("double"), column("string", "b")], [column("string", "b"), column("double")]),
        ([TENSOR], [TENSOR]),
        ([{"type": "double"}], [TENSOR]),
    ],
)
def test_an_answer_as_promised_fits(promised: Any, given: Any) -> None:
    assert misfit(promised, given) == ""


@pytest.mark.parametrize(
    ("promised", "given", "words"),
    [
        ([column("double")], [column("string")], "column a is string, not number"),
        ([column("double")], [column("double", "b")], "no column a"),
        ([column("double")], [column("double"), column("double", "b")], "2 columns instead of 1"),
    ],
)
def test_another_answer_does_not(promised: Any, given: Any, words: str) -> None:
    assert misfit(promised, given) == words


def test_the_last_line_counts_and_only_plain_values_are_kept() -> None:
    found = {"checks": [{**CHECK, "more": "x"}], "load_s": 1.5, "python": "3.11", "list": [1]}
    output = f"{MARKER} {json.dumps({'checks': []})}\nnoise\n{MARKER} {json.dumps(found)}\n"
    assert outcome.read(output) == {"checks": [CHECK], "load_s": 1.5, "python": "3.11"}


@pytest.mark.parametrize(
    "output",
    [
        "",
        f"{MARKER} {{",
        f"{MARKER} []",
        f'{MARKER} {{"checks": [{{"name": "Loads", "result": "odd"}}]}}',
        f'{MARKER} {{"checks": [], "load_s": NaN}}',
        f"not the start {MARKER} {{}}",
    ],
)
def test_anything_else_is_no_result(output: str) -> None:
    assert outcome.read(output) is None
