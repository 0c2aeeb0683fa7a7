"""Rules that hold for every template, whoever writes it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

TEMPLATES = settings.BASE_DIR / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))
ICON_LIST = (settings.BASE_DIR / "static" / "icons.txt").read_text(encoding="utf-8").split()
ICON_USES = (
    re.compile(r"""\{%\s*icon\s+["']([\w-]+)["']"""),
    re.compile(r"""\{%\s*badge\s+\S+\s+(?:"[^"]*"|\S+)\s+["']([\w-]+)["']"""),
    re.compile(r"""\{%\s*page_link\s+\S+\s+["']([\w-]+)["']"""),
    re.compile(r"""\bicon=["']([\w-]+)["']"""),
    re.compile(r"""icon\|default:["']([\w-]+)["']"""),
)
# In programs an icon is named in a table of tones, in an entry of the navigation or as icon=...
PROGRAM_USES = (re.compile(r"""\bicon=["']([\w-]+)["']"""), re.compile(r"""["']icon["']:\s*["']([\w-]+)["']"""))


class InlineCode(HTMLParser):
    """Collects what the content security policy refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self.found += [f"<{tag} {name}>" for name in names if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        self.found += [f"<{tag} {name}={value}>" for name, value in attrs if (value or "").startswith("javascript:")]


def inline_code(source: str) -> list[str]:
    parser = InlineCode()
    parser.feed(source)
    return parser.found


def icons_in(path: Path, patterns: tuple[re.Pattern[str], ...]) -> set[str]:
    source = path.read_text(encoding="utf-8")
    return {name for pattern in patterns for name in pattern.findall(source)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_a_template_compiles_and_has_no_inline_style_script_or_handler(path: Path) -> None:
    get_template(str(path.relative_to(TEMPLATES)))
    assert inline_code(path.read_text(encoding="utf-8")) == []


def test_the_search_for_inline_code_finds_all_kinds() -> None:
    source = (
        '<p style="a"><a onclick="b" href="javascript:c">x</a><script>d</script><style>e</style><i hx-on:click="f">'
    )
    assert len(inline_code(source)) == 6


def test_every_icon_that_a_template_or_program_names_is_in_the_list() -> None:
    programs = [
        path
        for app in ("portal", "accounts", "catalog", "deployments")
        for path in (settings.BASE_DIR / app).rglob("*.py")
    ]
    used = {path: icons_in(path, ICON_USES) for path in PAGES} | {
        path: icons_in(path, PROGRAM_USES) for path in programs
    }
    missing = {str(path): names - set(ICON_LIST) for path, names in used.items() if names - set(ICON_LIST)}
    assert missing == {}
    assert "rocket" in used[TEMPLATES / "portal" / "home.html"]


def test_the_list_of_icons_is_sorted_and_names_each_once() -> None:
    assert sorted(set(ICON_LIST)) == ICON_LIST


COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(", re.IGNORECASE)


def test_colours_are_named_in_the_tokens_only() -> None:
    styles = {
        path.name: path.read_text(encoding="utf-8") for path in (settings.BASE_DIR / "static" / "css").glob("*.css")
    }
    assert COLOUR.findall(styles["tokens.css"])
    assert {
        name: COLOUR.findall(text) for name, text in styles.items() if name != "tokens.css" and COLOUR.search(text)
    } == {}


def test_every_colour_has_a_dark_value_beside_the_light_one() -> None:
    tokens = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text(encoding="utf-8")
    lonely = re.findall(r"^\s*(--sw-[\w-]+):\s*(?:#|rgb)", tokens, re.MULTILINE)
    assert lonely == ["--sw-backdrop"]


def test_every_token_that_a_style_uses_is_defined() -> None:
    folder = settings.BASE_DIR / "static" / "css"
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.css"))
    used = set(re.findall(r"var\((--(?:sw|tone)[\w-]*)", sources))
    assert used - set(re.findall(r"(--(?:sw|tone)[\w-]*):", sources)) == set()
