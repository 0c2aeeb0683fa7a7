"""``python -m tests.checks``: everything about the code that can be checked without running the product."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MANAGE = (sys.executable, "manage.py")
# mypy and import-linter are the long ones: the list starts with them, two run at a time.
AT_ONCE = 2


@dataclass(frozen=True)
class Check:
    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    check: Check
    passed: bool
    output: str
    seconds: float


def production() -> dict[str, str]:
    """An environment as a company would set it; nothing in it is reached."""
    return {
        "DATABASE_URL": "postgresql://slipway@127.0.0.1:1/slipway",
        "REDIS_URL": "rediss://127.0.0.1:1/0",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "STATE_KEYS": Fernet.generate_key().decode(),
        "PUBLIC_URL": "https://slipway.example.com",
        "ALLOWED_HOSTS": "slipway.example.com",
        "BEHIND_PROXY": "true",
    }


def checks() -> tuple[Check, ...]:
    return (
        # The provider is a program of its own: its package is found from its directory.
        Check(
            "types (mypy --strict)",
            (tool("mypy"), "--explicit-package-bases", "."),
            {"MYPYPATH": "terraform/provider"},
        ),
        Check("layers (import-linter)", (tool("lint-imports"), "--no-cache")),
        Check("style (ruff check)", (tool("ruff"), "check", ".")),
        Check("format (ruff format)", (tool("ruff"), "format", "--check", ".")),
        Check("templates (djlint)", (tool("djlint"), "templates", "--lint", "--quiet")),
        Check("format of templates (djlint)", (tool("djlint"), "templates", "--check", "--quiet")),
        Check("JavaScript (eslint)", node("eslint", "--max-warnings", "0", "static/js")),
        Check("CSS (stylelint)", node("stylelint", "--max-warnings", "0", "static/css/*.css")),
        Check("format of CSS and JavaScript (prettier)", node("prettier", "--check", "static/css", "static/js")),
        Check("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run")),
        Check("deployment", (*MANAGE, "check", "--deploy", "--fail-level", "WARNING"), production()),
        Check(
            "architecture and API schema (tests/meta)",
            (sys.executable, "-m", "pytest", "-q", "-n0", "-m", "architecture", "tests/meta"),
        ),
    )


def tool(name: str) -> str:
    return str(BIN / name)


def node(package: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.node", package, *arguments)


def run(check: Check) -> Result:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slipway-check-") as var_dir:
        done = subprocess.run(
            check.command,
            cwd=ROOT,
            env={**os.environ, "VAR_DIR": var_dir, "LOG_LEVEL": "ERROR", **check.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return Result(check, done.returncode == 0, done.stdout.strip(), time.monotonic() - started)


def main() -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for result in pool.map(run, checks()):
            print(f"{'ok    ' if result.passed else 'FAILED'} {result.check.name} ({result.seconds:.0f} s)", flush=True)
            if not result.passed:
                print(result.output, flush=True)
                failed.append(result.check.name)
    print(f"make check: {'failed: ' + ', '.join(failed) if failed else 'everything passed'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
