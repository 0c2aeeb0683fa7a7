"""Pages of wide rows: the keys of a page first, and then its rows."""

from __future__ import annotations

import pytest
from django.core.paginator import EmptyPage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Team
from tests.factories import TeamFactory
from web.paginator import LatePaginator

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_pages_are_those_of_the_whole_list_in_its_order() -> None:
    for number in range(7):
        TeamFactory.create(slug=f"team_{number}", name=f"{number % 3}")
    rows = Team.objects.order_by("-name", "slug")
    pages = LatePaginator(rows, 3)
    assert [row for number in pages.page_range for row in pages.page(number)] == list(rows)
    assert [len(pages.page(number)) for number in pages.page_range] == [3, 3, 1]
    assert pages.get_page("nonsense").number == 1
    assert pages.get_page("99").number == 3
    with pytest.raises(EmptyPage):
        pages.page(4)


def test_a_page_of_nothing_is_empty() -> None:
    assert list(LatePaginator(Team.objects.order_by("pk"), 3).get_page(1)) == []


def test_rows_that_were_counted_are_not_counted_again() -> None:
    TeamFactory.create_batch(4)
    with CaptureQueriesContext(connection) as found:
        page = LatePaginator(Team.objects.order_by("pk"), 3, count=4).get_page(2)
        assert len(list(page)) == 1
    assert len(found) == 2
