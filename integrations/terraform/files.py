"""The files and the environment of a Terraform run. Configuration is written as JSON, never from templates."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENDPOINT_ADDRESS = "module.endpoint.databricks_model_serving.this"
_MODULE_NAME = "endpoint"
_OUTPUTS = ("endpoint_name", "serving_endpoint_id", "endpoint_url", "resources")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
# Network settings, the only variables that Terraform inherits from the portal's environment.
_INHERITED = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE")
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class TerraformSettings:
    """The Terraform installation and its provider."""

    #: Used for plan and apply, because a plan file works only with the version that wrote it.
    binary: Path
    #: None to use the public registry.
    cli_config: Path | None
    #: None to allow any provider version that matches the module.
    lock_file: Path | None
    module_dir: Path
    #: The provider whose hashes are in ``lock_file``: "standin" or "official".
    provider_flavour: str
    cancel_grace_s: float = 20.0

    @classmethod
    def from_installation(cls, install_json: Path) -> TerraformSettings:
        """Read VAR/terraform/install.json, which ``terraform/provider/install.py`` writes.

        Raises OSError, ValueError (not JSON) and KeyError (a name is missing).
        """
        paths = json.loads(install_json.read_text())
        return cls(
            binary=Path(paths["terraform"]),
            cli_config=Path(paths["cli_config"]) if paths["cli_config"] else None,
            lock_file=Path(paths["lock_file"]) if paths["lock_file"] else None,
            module_dir=Path(paths["module_dir"]),
            provider_flavour=paths["provider_flavour"],
        )


@dataclass(frozen=True)
class HttpBackend:
    """Addresses of the state of one deployment. The credentials are passed in the environment."""

    address: str
    lock_address: str
    unlock_address: str


@dataclass(frozen=True)
class Import:
    """An import block, which brings an existing object into the state."""

    #: Resource address.
    to: str
    #: The provider's import id.
    id: str


def render_workspace(
    directory: Path,
    *,
    backend: HttpBackend,
    settings: TerraformSettings,
    variables: Mapping[str, Any],
    imports: Sequence[Import] = (),
) -> None:
    """Write the root module, a copy of the endpoint module and the lock file. The directory gets mode 0700.

    ``variables`` are the module's variables. They are written to a tfvars file, which Terraform takes literally; in
    the configuration it would evaluate ``${``. Raises ValueError and OSError.
    """
    unknown = [name for name in variables if not _IDENTIFIER.fullmatch(name)]
    if unknown:
        raise ValueError(f"not names of Terraform variables: {', '.join(unknown)}")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    _copy_module(settings.module_dir, directory / "module")
    _write_private(directory / "main.tf.json", _dump(_root_module(variables, imports)))
    _write_private(directory / "backend.tf.json", _dump(_backend(backend)))
    _write_private(directory / "slipway.auto.tfvars.json", _dump(dict(variables)))
    if settings.lock_file:
        _write_private(directory / ".terraform.lock.hcl", settings.lock_file.read_text())


def terraform_env(
    directory: Path,
    *,
    settings: TerraformSettings,
    databricks: Mapping[str, str],
    http_username: str,
    http_password: str,
) -> dict[str, str]:
    """The complete environment of Terraform and the provider.

    ``databricks`` contains DATABRICKS_* variables: host, credentials, DATABRICKS_AUTH_TYPE. Raises ValueError for any
    other name.
    """
    strangers = [name for name in databricks if not name.startswith("DATABRICKS_")]
    if strangers:
        raise ValueError(f"not variables of the Databricks provider: {', '.join(strangers)}")
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    cli_config = {"TF_CLI_CONFIG_FILE": str(settings.cli_config)} if settings.cli_config else {}
    return {
        **inherited,
        **cli_config,
        "PATH": _PATH,
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
        "TF_HTTP_USERNAME": http_username,
        "TF_HTTP_PASSWORD": http_password,
        # This file does not exist, which keeps the provider from reading ~/.databrickscfg of the worker's user.
        "DATABRICKS_CONFIG_FILE": str(directory / "no-databrickscfg"),
        **databricks,
    }


def planfile_sha256(path: Path) -> str:
    """Hex SHA-256 of the saved plan. Approval refers to it, and it is checked before the apply."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _root_module(variables: Mapping[str, Any], imports: Sequence[Import]) -> dict[str, Any]:
    arguments = {name: f"${{var.{name}}}" for name in variables}
    root: dict[str, Any] = {
        "variable": {name: {} for name in variables},
        "provider": {"databricks": {}},
        "module": {_MODULE_NAME: {"source": "./module", **arguments}},
        "output": {name: {"value": f"${{module.{_MODULE_NAME}.{name}}}"} for name in _OUTPUTS},
    }
    if imports:
        # Strings in a configuration are templates, so the id is escaped.
        root["import"] = [
            {"to": block.to, "id": block.id.replace("${", "$${").replace("%{", "%%{")} for block in imports
        ]
    return root


def _backend(backend: HttpBackend) -> dict[str, Any]:
    # The address is part of the configuration, so that a plan cannot be applied to another state.
    http = {
        "address": backend.address,
        "lock_address": backend.lock_address,
        "unlock_address": backend.unlock_address,
        "lock_method": "POST",
        "unlock_method": "DELETE",
    }
    providers = {"databricks": {"source": "databricks/databricks", "version": "~> 1.99"}}
    return {"terraform": {"required_providers": providers, "backend": {"http": http}}}


def _copy_module(source: Path, target: Path) -> None:
    """Copy the module, so that plan and apply of a run use the same one."""
    target.mkdir(mode=0o700, exist_ok=True)
    for file in sorted(source.glob("*.tf")):
        shutil.copyfile(file, target / file.name)
        (target / file.name).chmod(0o600)


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
