"""The recipes of CONTRIBUTING.md can be followed: at most six steps, with files that exist and have the names given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text().partition("## How to add")[2].partition("\n## ")[0]
RECIPES: dict[str, str] = dict(re.findall(r"^### (.+?)\n\n(.+?)(?=\n### |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
MOST_STEPS = 6
# Where a recipe must lead: file and name.
LEADS_TO = {
    "A stage": {"deployments/stages/stage.py": "TABLE", "deployments/runs/statuses.py": "TRANSITIONS"},
    "A policy rule": {"deployments/policies/rules.py": "RULES"},
    "A drift metric": {"sketches/metrics.py": "METRICS", "deployments/deployment/specs.py": "drift_metric"},
    "A figure of health": {
        "monitoring/health/models.py": "HealthBucket",
        "monitoring/health/lake.py": "ENDPOINT_METRICS",
    },
    "A page with its API twin": {"tests/meta/test_parity.py": "DOORS", "deployments/urls.py": "urlpatterns"},
    "A resource of the sandbox": {"sandbox/app.py": "ROUTERS", "sandbox/schema.py": "SCHEMAS"},
}
CODE = re.compile(r"`([^`]+)`")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/?")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])


def steps_of(recipe: str) -> list[str]:
    return re.split(r"^\d+\. ", RECIPES[recipe], flags=re.MULTILINE)[1:]


def is_path(token: str) -> bool:
    return bool(PATH.fullmatch(token)) and (ROOT / token.partition("/")[0]).exists()


def texts_of(paths: list[str]) -> str:
    files = [ROOT / path for path in paths]
    inside = [file for path in files for file in ([path] if path.is_file() else sorted(path.glob("*.py")))]
    return "\n".join(file.read_text() for file in inside)


CASES = [(recipe, number) for recipe in RECIPES for number in range(len(steps_of(recipe)))]


def test_there_is_a_recipe_for_each_usual_change() -> None:
    assert set(RECIPES) == set(LEADS_TO)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_has_at_most_six_steps(recipe: str) -> None:
    assert 2 <= len(steps_of(recipe)) <= MOST_STEPS


@pytest.mark.parametrize(("recipe", "number"), CASES)
def test_a_step_names_files_that_exist_and_what_is_in_them(recipe: str, number: int) -> None:
    tokens = CODE.findall(steps_of(recipe)[number])
    paths = [token for token in tokens if is_path(token)]
    assert paths, "a step names its files"
    assert [path for path in paths if not (ROOT / path).exists()] == []
    text = texts_of(paths)
    names = [token.lstrip("@").partition("(")[0] for token in tokens if token not in paths and " " not in token]
    missing = [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert missing == []


@pytest.mark.parametrize("recipe", LEADS_TO)
def test_a_recipe_leads_to_the_tables_that_have_to_change(recipe: str) -> None:
    for path, name in LEADS_TO[recipe].items():
        steps = [step for step in steps_of(recipe) if f"`{path}`" in step]
        assert any(f"`{name}`" in step for step in steps), f"no step names {name} in {path}"
        assert re.search(rf"^\s*(class )?{name}\b", (ROOT / path).read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_paths_that_exist(document: Path) -> None:
    named = {token for token in CODE.findall(document.read_text()) if "/" in token and is_path(token)}
    made = {token for token in named if token.startswith(("var/", "static/vendor"))}
    assert sorted(token for token in named - made if not (ROOT / token).exists()) == []
