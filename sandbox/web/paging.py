"""Pages of a sorted list: ``max_results``, ``page_token``, ``next_page_token``."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from sandbox.web.errors import invalid

T = TypeVar("T")
DEFAULT_SIZE = 1000


class Page:
    """The requested page. Without ``max_results``, or with 0, the server chooses the size."""

    def __init__(self, max_results: Annotated[int, Query(ge=0)] = 0, page_token: Annotated[str, Query()] = "") -> None:
        self.size = min(max_results or DEFAULT_SIZE, DEFAULT_SIZE)
        self._token = page_token

    def cut(self, items: Sequence[T], key: Callable[[T], str]) -> tuple[list[T], dict[str, str]]:
        """The items of the page, and ``next_page_token`` if there are more. ``items`` must be sorted by ``key``."""
        after = _decoded(self._token)
        rest = [item for item in items if not self._token or key(item) > after]
        page = rest[: self.size]
        if len(rest) <= self.size:
            return page, {}
        return page, {"next_page_token": base64.urlsafe_b64encode(key(page[-1]).encode()).decode()}


RequestedPage = Annotated[Page, Depends()]


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid("page_token is invalid: it was not returned by this API.") from None
