"""django-htmx's middleware reads htmx's headers, once and for all views: ``request.htmx``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "catalog", "deployments", "monitoring", "portal", "web")
BY_HAND = re.compile(r"""headers\S*["']HX-|["']HTTP_HX_""")


def modules() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_module_reads_or_writes_a_header_of_htmx_by_hand() -> None:
    found = [str(path.relative_to(ROOT)) for path in modules() if BY_HAND.search(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'request.headers.get("HX-Request")',
        "request.headers['HX-Target']",
        'request.META["HTTP_HX_REQUEST"]',
        'HttpResponse(headers={"HX-Redirect": url})',
    ],
)
def test_every_way_to_do_so_is_noticed(source: str) -> None:
    assert BY_HAND.search(source)


def test_there_is_something_to_look_at() -> None:
    assert any("request.htmx" in path.read_text() for path in modules())
