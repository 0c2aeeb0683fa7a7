"""A person who follows every link: pages, what htmx fetches by itself, and forms that only ask.

Plain HTTP without a browser: what a page refers to is read from its HTML.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx
from django.urls import Resolver404, resolve

# How many addresses of one route are visited: without a query, with one, and with the same names in it. Filters and
# orders multiply: a list with six of them has thousands of addresses.
MOST_ROWS, MOST_QUERIES, MOST_OF_THE_SAME_NAMES = 6, 6, 1
HTMX = {"HX-Request": "true"}


@dataclass(frozen=True)
class Step:
    """An address without a host, who refers to it, and whether htmx fetches it."""

    path: str
    source: str
    htmx: bool = False


@dataclass(frozen=True)
class Refusal:
    status: int
    step: Step
    person: str

    def __str__(self) -> str:
        how = " (htmx)" if self.step.htmx else ""
        return f"{self.status} {self.step.path}{how}, for {self.person}, from {self.step.source}"


class References(HTMLParser):
    """(address, whether htmx fetches it) of all that a page refers to, as it stands in the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []
        self._form: tuple[str, list[tuple[str, str]]] | None = None
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("hx-get"):
            self.found.append((given["hx-get"], True))
        for name in ("href", "src"):
            if name in given:
                self.found.append((given[name], False))
        if tag == "form" and given.get("method", "get").lower() == "get":
            self._form = (given.get("action", ""), [])
        elif tag == "input":
            self._note_input(given)
        elif tag == "select":
            self._select, self._options = given.get("name"), []
        elif tag == "option" and self._select:
            self._options.append((given.get("value", ""), "selected" in given))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._note_select()
        elif tag == "form" and self._form is not None:
            action, fields = self._form
            self.found.append((f"{action.partition('?')[0]}?{urlencode(fields)}", False))
            self._form = None

    def _note_input(self, given: dict[str, str]) -> None:
        kind, name = given.get("type", "text"), given.get("name")
        if self._form is None or not name or kind in ("submit", "button", "image", "file"):
            return
        if kind not in ("checkbox", "radio") or "checked" in given:
            self._form[1].append((name, given.get("value", "on" if kind == "checkbox" else "")))

    def _note_select(self) -> None:
        chosen = next((value for value, selected in self._options if selected), None)
        if chosen is None and self._options:
            chosen = self._options[0][0]
        if self._form is not None and self._select and chosen is not None:
            self._form[1].append((self._select, chosen))
        self._select = None


def limits_of(step: Step) -> dict[tuple[str, ...], int]:
    """{kind: how many addresses of this kind are visited} for every kind that the step is of."""
    parts = urlsplit(step.path)
    try:
        route = resolve(parts.path).route
    except Resolver404:
        route = parts.path
    kind = (route, "htmx" if step.htmx else "page")
    names = sorted({name for name, value in parse_qsl(parts.query) if value})
    if not names:
        return {kind: MOST_ROWS}
    return {(*kind, "?"): MOST_QUERIES, (*kind, "?", *names): MOST_OF_THE_SAME_NAMES}


@dataclass
class Walk:
    """``Walk(client, "fiona").go()``: all refusals that somebody meets who starts at ``/`` and follows every link."""

    client: httpx.Client
    person: str
    refusals: list[Refusal] = field(default_factory=list)
    seen: set[tuple[str, bool]] = field(default_factory=set)
    kinds: Counter[tuple[str, ...]] = field(default_factory=Counter)
    queue: deque[Step] = field(default_factory=deque)

    def go(self) -> list[Refusal]:
        self._add(Step("/", "the start"))
        while self.queue:
            self._take(self.queue.popleft())
        return self.refusals

    def _take(self, step: Step) -> None:
        answer = self.client.get(step.path, headers=HTMX if step.htmx else {})
        if answer.status_code >= 400 or urlsplit(answer.headers.get("Location", "")).path == "/login/":
            self.refusals.append(Refusal(answer.status_code, step, self.person))
            return
        for address, htmx in self._references(answer):
            self._note(step, address, htmx)

    @staticmethod
    def _references(answer: httpx.Response) -> Iterator[tuple[str, bool]]:
        for name in ("Location", "HX-Redirect"):
            if name in answer.headers:
                yield answer.headers[name], False
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            yield from References(answer.text).found

    def _note(self, step: Step, address: str, htmx: bool) -> None:
        # A fragment stands in a page, so what it refers to is relative to that page.
        base = step.source if step.htmx else step.path
        target = urlsplit(urljoin(str(self.client.base_url.join(base)), address))
        if target.scheme in ("http", "https") and target.netloc == self.client.base_url.netloc.decode():
            path = urlunsplit(("", "", target.path or "/", target.query, ""))
            self._add(Step(path, base, htmx))

    def _add(self, step: Step) -> None:
        if (step.path, step.htmx) in self.seen:
            return
        self.seen.add((step.path, step.htmx))
        limits = limits_of(step)
        if all(self.kinds[kind] < limit for kind, limit in limits.items()):
            self.kinds.update(limits.keys())
            self.queue.append(step)
