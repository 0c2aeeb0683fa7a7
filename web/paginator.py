"""Pagination for lists with wide rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet


class LatePaginator(Paginator):  # type: ignore[type-arg]
    """Reads the keys of a page first and then its rows: two queries.

    One query would make the database sort all columns and joins of all rows, including those on other pages.
    Pass ``count``, the total number of rows, if it is known already.
    """

    object_list: QuerySet[Any]

    def __init__(self, rows: QuerySet[Any], per_page: int, count: int | None = None) -> None:
        super().__init__(rows, per_page)
        if count is not None:
            self.count = count

    def page(self, number: int | str) -> Page[Any]:
        wanted = self.validate_number(number)
        first = (wanted - 1) * self.per_page
        keys = self.object_list.prefetch_related(None).values_list("pk", flat=True)[first : first + self.per_page]
        return Page(self.object_list.filter(pk__in=list(keys)), wanted, self)
