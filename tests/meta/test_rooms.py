"""The documents, the contracts of import-linter and the folders on disk name the same rooms and subjects."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
DOCUMENTS = ("CONTRIBUTING.md", "docs/architecture.md")
BY_SUBJECT = ("accounts", "catalog", "deployments", "monitoring")
# Folders that Django looks for; everything else in an app is a subject.
DJANGO = {"management", "migrations", "templatetags"}
# Packages that are not part of the product.
APART = {"tests", "bench"}
ROW = re.compile(r"^\| `(\w+)/` \| (.+?) \|", flags=re.MULTILINE)


def packages(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("*/__init__.py")}


def rooms_of(document: str) -> dict[str, list[str]]:
    """{room: its subjects in the order of the document}, from the table "The rooms"."""
    table = (ROOT / document).read_text().partition("## The rooms")[2].partition("\n## ")[0]
    return {room: re.findall(r"`(\w+)`", content) for room, content in ROW.findall(table)}


def floors_of(app: str) -> list[set[str]]:
    """The subjects of an app as its contract has them, the lowest first; modules of the app's root are left out."""
    name = f"subjects of {app} point downwards"
    layers = next(contract["layers"] for contract in LINTER["contracts"] if contract["name"] == name)
    floors = [set(re.split(r" [:|] ", layer)) & packages(ROOT / app) - DJANGO for layer in reversed(layers)]
    return [floor for floor in floors if floor]


def test_the_contracts_list_every_room() -> None:
    assert set(LINTER["root_packages"]) == packages(ROOT) - APART


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_every_room(document: str) -> None:
    assert set(rooms_of(document)) == packages(ROOT) - APART


@pytest.mark.parametrize("app", BY_SUBJECT)
def test_the_contract_of_an_app_lists_every_subject(app: str) -> None:
    assert set().union(*floors_of(app)) == packages(ROOT / app) - DJANGO


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("app", BY_SUBJECT)
def test_a_document_names_the_subjects_of_an_app_from_the_lowest_up(document: str, app: str) -> None:
    named = rooms_of(document)[app]
    floors = floors_of(app)
    assert sorted(named) == sorted(packages(ROOT / app) - DJANGO)
    heights = [next(height for height, floor in enumerate(floors) if subject in floor) for subject in named]
    assert heights == sorted(heights)


@pytest.mark.parametrize("app", BY_SUBJECT)
def test_the_picture_shows_every_subject(app: str) -> None:
    picture = (ROOT / "docs" / "images" / "house.svg").read_text()
    shown = set(re.findall(r"\w+", " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", picture))))
    assert packages(ROOT / app) - DJANGO | {app} <= shown
