"""A chart and the table beneath it are made of the same points."""

from datetime import UTC, datetime

from django.http import QueryDict
from django.template.loader import render_to_string

from web.charts import Chart, Series
from web.ranges import parse_range, range_links

NOON, ONE = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 1, 13, tzinfo=UTC)


def test_the_table_has_a_row_for_each_moment_and_a_dash_for_what_is_not_known():
    chart = Chart(
        "c", "Latency", [Series("p50", [(NOON, 1.5), (ONE, None)]), Series("p99", [(ONE, 1234.5)])], unit="ms"
    )
    assert chart.table.names == ["p50", "p99"]
    assert chart.table.rows == [
        ("2026-03-01 12:00", ["1.5", "\N{EN DASH}"]),
        ("2026-03-01 13:00", ["\N{EN DASH}", "1,234"]),
    ]
    assert chart.as_json["series"][0]["data"] == [
        ["2026-03-01T12:00:00+00:00", 1.5],
        ["2026-03-01T13:00:00+00:00", None],
    ]


def test_a_scatter_names_its_points():
    chart = Chart(
        "s", "Drift by importance", [Series("Drift", [(0.5, 0.3, "amount", "/x/")])], kind="scatter", x="number",
        x_label="Importance",
    )  # fmt: skip
    assert chart.table.rows == [("amount", ["0.5", "0.3"])]
    assert chart.as_json["series"][0]["data"] == [[0.5, 0.3, "amount", "/x/"]]


def test_without_a_known_value_it_says_so_and_draws_nothing():
    chart = Chart("c", "Requests", [Series("v1", [(NOON, None)])], empty="No requests: <never> called.")
    page = render_to_string("ui/_chart.html", {"chart": chart})
    assert "No requests: &lt;never&gt; called." in page
    assert "data-chart" not in page


def test_what_people_wrote_cannot_leave_the_data():
    chart = Chart("c", "T", [Series("</script><b>", [(NOON, 1)])], markers=[(NOON, "v3 </script>")])
    page = render_to_string("ui/_chart.html", {"chart": chart})
    # No script of its own either: htmx would strip it from what it swaps in.
    assert "script>" not in page
    assert "<b>" not in page
    assert 'id="c-data"' in page


def test_a_range_keeps_what_else_stands_in_the_url():
    query = QueryDict("deployment=7&from=2026-01-01T00:00:00Z&format=csv")
    links = range_links(query, parse_range("7d", "", "", NOON), ("24h", "7d"))
    assert [(link.url, link.active) for link in links] == [
        ("?deployment=7&range=24h", False),
        ("?deployment=7&range=7d", True),
    ]
