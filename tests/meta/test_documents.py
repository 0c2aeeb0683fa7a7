"""What the documents list is what there is: settings, packages, commands, links."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from functools import partial
from pathlib import Path

import pytest
from drf_spectacular.generators import EndpointEnumerator

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([^`]+)` \|", flags=re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)")
# The picture of a run is taken of the running product.
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
READERS = {"env_str", "env_bool", "env_int", "env_list", "env_url", "env_path", "env_secret", "_secret"}


def variables_of_the_settings() -> set[str]:
    tree = ast.parse((ROOT / "portal" / "settings.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name in READERS | {"os.environ.get"}:
            found.add(str(node.args[0].value))
    return found


def direct_packages() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    provider = tomllib.loads((ROOT / "terraform" / "provider" / "pyproject.toml").read_text())
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *provider["project"]["dependencies"]]
    asked += [item for group in groups for item in group if isinstance(item, str)]
    names = {re.split(r"[\[<>=!~; ]", item)[0] for item in asked}
    front_end = json.loads((ROOT / "package.json").read_text())
    return names | set(front_end["dependencies"]) | set(front_end["devDependencies"])


def test_every_setting_is_documented_and_no_other() -> None:
    text = (ROOT / "docs" / "running.md").read_text().partition("## Settings")[2]
    assert set(ROW.findall(text)) == variables_of_the_settings()


def test_every_request_of_the_api_is_documented_and_no_other() -> None:
    document = (ROOT / "docs" / "api.md").read_text()
    rows = "\n".join(line for line in document.splitlines() if line.startswith("| `"))
    documented = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) ([^`?]+)", rows)
    offered = [
        (method, path.removeprefix("/api/v1/")) for path, _, method, _ in EndpointEnumerator().get_api_endpoints()
    ]
    beside = {("GET", "schema/"), ("GET", "docs/")}
    name = partial(re.sub, r"{\w+}", "{}")
    assert {(method, name(path)) for method, path in documented} == {
        (method, name(path)) for method, path in set(offered) - beside
    }


def test_every_direct_dependency_says_why_it_is_there_and_no_other() -> None:
    rows = ROW.findall((ROOT / "docs" / "dependencies.md").read_text())
    assert sorted(rows) == sorted(set(rows)), "a package is listed twice"
    assert set(rows) == direct_packages()


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    targets |= {f"bench-{path.stem}" for path in (ROOT / "bench").glob("*.py")} | {"bench-"}
    for document in DOCUMENTS:
        named = set(re.findall(r"`(?:\w+=\S+ )*make ([a-z-]+)", document.read_text()))
        assert named <= targets, document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    broken = [target for target in LINK.findall(document.read_text()) if not (document.parent / target).exists()]
    assert broken == []


def test_the_bootstrap_lock_is_the_uv_of_the_test_lock() -> None:
    dev = (ROOT / "requirements" / "dev.txt").read_text()
    bootstrap = (ROOT / "requirements" / "bootstrap.txt").read_text()
    assert bootstrap.startswith("uv==")
    assert bootstrap in dev


def test_no_lock_names_the_registry_it_was_made_from() -> None:
    locks = [*(ROOT / "requirements").glob("*.txt"), ROOT / "terraform" / "provider" / "requirements.txt"]
    locks.append(ROOT / "package-lock.json")
    naming = [lock.name for lock in locks if re.search(r'--(extra-)?index-url|"resolved"', lock.read_text())]
    assert naming == []


def test_the_test_lock_holds_every_version_of_the_demo_lock() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        return set(re.findall(r"^([\w.-]+==[^ \\;]+)", text, flags=re.MULTILINE))

    assert pins("demo") - pins("dev") == set()
    assert pins("portal") - pins("demo") == set()
