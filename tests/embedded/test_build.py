from __future__ import annotations

import importlib.util
import json
import re
from types import ModuleType

from django.conf import settings

from web.templatetags.ui import TONE_ICONS


def _load() -> ModuleType:
    """static/build.py: a program, not part of a package."""
    spec = importlib.util.spec_from_file_location("build", settings.BASE_DIR / "static" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _load()


def test_every_listed_icon_is_in_the_sprite(vendor_files: None) -> None:
    sprite = (build.VENDOR / "icons.svg").read_text(encoding="utf-8")
    assert re.findall(r'<symbol id="([\w-]+)"', sprite) == build.icon_names()
    assert "http://www.w3.org/2000/svg" in sprite.splitlines()[0]
    assert "ns0:" not in sprite


def test_every_tone_has_its_icon(vendor_files: None) -> None:
    assert set(TONE_ICONS.values()) <= set(build.icon_names())


def test_what_pages_load_is_there_and_names_no_source_map(vendor_files: None) -> None:
    for name in build.FILES:
        content = (build.VENDOR / name).read_bytes()
        assert len(content) > 10_000
        assert b"sourceMappingURL" not in content[-200:]


def test_a_second_build_has_nothing_to_do(vendor_files: None) -> None:
    before = (build.VENDOR / "icons.svg").stat().st_mtime_ns
    assert build.build() is False
    assert (build.VENDOR / "icons.svg").stat().st_mtime_ns == before


def test_the_lock_pins_everything_and_records_no_download_address() -> None:
    lock = json.loads(build.LOCK.read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not any("resolved" in entry for entry in packages.values())


def test_asked_versions_are_exact() -> None:
    package = json.loads((build.ROOT / "package.json").read_text(encoding="utf-8"))
    asked = [*package["dependencies"].values(), *package["devDependencies"].values()]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked)


def test_linters_are_installed_only_when_they_are_asked_for() -> None:
    assert "--omit=dev" in str(build.npm_command(tools=False))
    assert "--omit=dev" not in str(build.npm_command(tools=True))
