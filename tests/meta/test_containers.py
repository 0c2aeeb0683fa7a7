"""The containers start what the demo starts, with settings that exist and without a secret in a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded.parts import PORTAL, SANDBOX, WEB, Part

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# Read by the adapters, by granian and by the sandbox, not by portal/settings.py.
READ_ELSEWHERE = {
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "SANDBOX_CLIENT_ID",
    "SANDBOX_CLIENT_SECRET",
    "SANDBOX_TOKENS",
    "POSTGRES_USER",
    "POSTGRES_DB",
    "POSTGRES_PASSWORD",
}
SECRET = re.compile(r"SECRET|PASSWORD|KEYS|TOKENS|DATABASE_URL")
REFERENCE = re.compile(r"\$\{(\w+)(?::[-?][^}]*)?\}")


@pytest.mark.parametrize("part", [*PORTAL, SANDBOX], ids=lambda part: part.name)
def test_a_service_runs_the_command_of_its_part(part: Part) -> None:
    service = SERVICES[part.name]
    assert service["command"] == list(part.command)
    assert service["stop_grace_period"] == f"{part.stop_s}s"


def test_the_image_starts_the_web_by_default() -> None:
    command = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, flags=re.MULTILINE)[-1]
    assert json.loads(command) == list(WEB.command)


def test_every_variable_of_a_service_is_one_that_somebody_reads() -> None:
    settings = (ROOT / "portal" / "settings.py").read_text()
    used = {name for service in SERVICES.values() for name in service.get("environment", {})}
    unread = {name for name in used - READ_ELSEWHERE if f'"{name}"' not in settings}
    assert unread == set()


def test_every_secret_of_a_service_is_a_reference() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert REFERENCE.search(value), f"{name} is written out"


def test_the_example_names_every_reference_and_holds_no_secret() -> None:
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked == set(example)
    assert [name for name, value in example.items() if SECRET.search(name) and value] == []


def test_the_portal_s_image_installs_by_hash_and_does_not_run_as_root() -> None:
    assert "--require-hashes --no-deps -r /tmp/portal.txt" in DOCKERFILE
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER 10001" in last_stage
    assert "/healthz" in last_stage


def test_the_image_does_not_take_what_a_laptop_has_lying_about() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".env", "var", "node_modules", "static/vendor"} <= set(ignored)


def test_the_containers_terraform_is_described_as_the_workers_expect_it() -> None:
    installed = json.loads((ROOT / "docker" / "install.json").read_text())
    assert set(installed) == {"terraform", "cli_config", "lock_file", "provider_flavour", "module_dir"}
    assert installed["provider_flavour"] == "official"
