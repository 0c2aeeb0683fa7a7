"""What a Terraform run finds in its directory and in its environment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from integrations.terraform.files import HttpBackend, Import, TerraformSettings, render_workspace, terraform_env

MODULE = Path(__file__).resolve().parents[3] / "terraform" / "modules" / "model_endpoint"
BACKEND = HttpBackend("http://portal/state/1", "http://portal/state/1/lock", "http://portal/state/1/lock")


@pytest.fixture
def terraform(tmp_path: Path) -> TerraformSettings:
    lock_file = tmp_path / "standin.lock.hcl"
    lock_file.write_text("# hashes of the stand-in\n")
    return TerraformSettings(
        binary=Path("/usr/bin/terraform"),
        cli_config=tmp_path / "terraformrc",
        lock_file=lock_file,
        module_dir=MODULE,
        provider_flavour="standin",
    )


def test_a_run_directory_is_private_and_self_contained(tmp_path: Path, terraform: TerraformSettings) -> None:
    directory = tmp_path / "run"
    render_workspace(directory, backend=BACKEND, settings=terraform, variables={"endpoint_name": "card-fraud"})
    assert directory.stat().st_mode & 0o777 == 0o700
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (directory / ".terraform.lock.hcl").read_text() == "# hashes of the stand-in\n"
    assert {path.name for path in (directory / "module").iterdir()} == {path.name for path in MODULE.glob("*.tf")}
    backend = json.loads((directory / "backend.tf.json").read_text())["terraform"]["backend"]["http"]
    assert backend["address"] == "http://portal/state/1"
    assert (backend["lock_method"], backend["unlock_method"]) == ("POST", "DELETE")


def test_values_stand_in_the_variables_file_and_only_references_in_the_configuration(
    tmp_path: Path, terraform: TerraformSettings
) -> None:
    tags = {"cost_center": '${file("/etc/passwd")}'}
    imports = (Import("module.endpoint.databricks_model_serving.this", "${var.x}"),)
    render_workspace(tmp_path / "run", backend=BACKEND, settings=terraform, variables={"tags": tags}, imports=imports)
    main = json.loads((tmp_path / "run" / "main.tf.json").read_text())
    assert main["module"]["endpoint"] == {"source": "./module", "tags": "${var.tags}"}
    assert main["import"] == [{"to": "module.endpoint.databricks_model_serving.this", "id": "$${var.x}"}]
    assert json.loads((tmp_path / "run" / "slipway.auto.tfvars.json").read_text()) == {"tags": tags}


def test_without_a_lock_file_terraform_may_write_its_own(tmp_path: Path, terraform: TerraformSettings) -> None:
    unlocked = replace(terraform, lock_file=None, provider_flavour="official")
    render_workspace(tmp_path / "run", backend=BACKEND, settings=unlocked, variables={})
    assert not (tmp_path / "run" / ".terraform.lock.hcl").exists()


def test_a_variable_needs_a_name_of_terraform(tmp_path: Path, terraform: TerraformSettings) -> None:
    with pytest.raises(ValueError, match="not names of Terraform variables"):
        render_workspace(tmp_path / "run", backend=BACKEND, settings=terraform, variables={"a.b": 1})


def test_the_environment_is_an_allow_list(
    tmp_path: Path, terraform: TerraformSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    monkeypatch.setenv("DATABRICKS_TOKEN", "canary of the worker")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    env = terraform_env(
        tmp_path,
        settings=terraform,
        databricks={"DATABRICKS_HOST": "http://workspace"},
        http_username="run-1",
        http_password="once",
    )
    assert "canary" not in " ".join(env.values())
    assert env["HTTPS_PROXY"] == "http://proxy:3128"
    assert env["HOME"] == str(tmp_path)
    assert env["TF_HTTP_PASSWORD"] == "once"
    assert not Path(env["DATABRICKS_CONFIG_FILE"]).exists()
    assert "TF_HTTP_ADDRESS" not in env


def test_only_variables_of_the_provider_can_be_added(tmp_path: Path, terraform: TerraformSettings) -> None:
    with pytest.raises(ValueError, match="LD_PRELOAD"):
        terraform_env(tmp_path, settings=terraform, databricks={"LD_PRELOAD": "x"}, http_username="", http_password="")
