"""One word, one thing: the glossary is in order and points into the code; phrases that are hard to read stay away."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
ENTRIES = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| `([^`]+)`: `([^`]+)` \|$", GLOSSARY.partition("\n## ")[0], flags=re.MULTILINE
)
ROOMS = (
    "accounts",
    "catalog",
    "deployments",
    "embedded",
    "integrations",
    "monitoring",
    "portal",
    "sandbox",
    "serving",
    "sketches",
    "web",
)
# Each has a plain replacement: see CONTRIBUTING.md and the glossary.
FORBIDDEN = (
    r"(?<!there )\bis none\b",
    r"\bnobody knows\b",
    r"\bNothing waits for you\b",
    r"\b[Aa]s asked for\b",
    r"\b[Ss]tarts? from zero\b",
    r"\b[Cc]ould be saved\b",
    r"\b[Aa]sked for now\b",
    r"\bLooked at \{",
    r"\b[Aa]lerts? fires?\b",
    r"\bThe same for the same\b",
    r"\bTwice is once\b",
    r"^Of [^.|]*, ",
)
PHRASES = [re.compile(phrase, flags=re.MULTILINE) for phrase in FORBIDDEN]


def texts(pattern: str, *folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob(pattern))]
    return [path for path in found if "migrations" not in path.parts]


TEXTS = {
    "docs": texts("*.md", "docs"),
    "templates": texts("*.html", "templates"),
    "Python": texts("*.py", *ROOMS),
}


def test_the_glossary_has_thirty_to_sixty_entries_in_order() -> None:
    terms = [term for term, *_ in ENTRIES]
    assert 30 <= len(terms) <= 60
    assert terms == sorted(terms, key=str.casefold)
    assert len({term.casefold() for term in terms}) == len(terms)


def test_every_line_of_the_glossary_is_an_entry() -> None:
    table = GLOSSARY.partition("\n## ")[0]
    assert len(re.findall(r"^\| ", table, flags=re.MULTILINE)) == len(ENTRIES) + 1


@pytest.mark.parametrize(("term", "meaning", "path", "name"), ENTRIES, ids=[entry[0] for entry in ENTRIES])
def test_an_entry_is_one_sentence_and_names_code_that_exists(term: str, meaning: str, path: str, name: str) -> None:
    assert meaning.endswith(".")
    assert ". " not in meaning
    assert re.search(rf"^[^\S\n]*(class |def )?{re.escape(name)}\b", (ROOT / path).read_text(), flags=re.MULTILINE), (
        term
    )


@pytest.mark.parametrize("group", TEXTS)
def test_phrases_that_are_hard_to_read_do_not_return(group: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in TEXTS[group]
        for phrase in PHRASES
        for match in phrase.finditer(path.read_text())
    ]
    assert found == []
