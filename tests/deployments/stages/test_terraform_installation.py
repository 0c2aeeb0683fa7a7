"""Which Terraform a worker uses: what was installed on its host, with the module and the patience of the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from deployments.stages.terraform import terraform_settings
from integrations.errors import IntegrationError

INSTALLED = {
    "terraform": "/usr/local/bin/terraform",
    "cli_config": "/opt/slipway/terraformrc",
    "lock_file": "/opt/slipway/standin.lock.hcl",
    "provider_flavour": "standin",
    "module_dir": "/elsewhere",
}


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    settings.TERRAFORM_HOME, settings.TERRAFORM_MODULE_DIR = tmp_path, tmp_path / "module"
    settings.TERRAFORM_CANCEL_GRACE_S = 7
    return tmp_path


def installed(home: Path, **changes: Any) -> None:
    (home / "install.json").write_text(json.dumps(INSTALLED | changes))


def test_the_worker_takes_what_is_installed_and_the_module_of_its_settings(home: Path) -> None:
    installed(home)
    found = terraform_settings()
    assert (str(found.binary), found.provider_flavour) == (INSTALLED["terraform"], "standin")
    assert (str(found.cli_config), str(found.lock_file)) == (INSTALLED["cli_config"], INSTALLED["lock_file"])
    assert (found.module_dir, found.cancel_grace_s) == (home / "module", 7)


def test_an_installation_may_use_the_public_registry_and_write_its_own_lock(home: Path) -> None:
    installed(home, cli_config=None, lock_file=None)
    found = terraform_settings()
    assert (found.cli_config, found.lock_file) == (None, None)


@pytest.mark.parametrize("content", [None, "{", "{}"])
def test_a_host_without_a_good_installation_says_so(home: Path, content: str | None) -> None:
    if content is not None:
        (home / "install.json").write_text(content)
    with pytest.raises(IntegrationError, match="not installed for this worker") as refusal:
        terraform_settings()
    assert refusal.value.permanent
