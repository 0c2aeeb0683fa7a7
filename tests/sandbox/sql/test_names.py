"""What a statement means by its names, and GROUP BY ALL."""

from __future__ import annotations

import pytest

from sandbox.spark.catalog import SparkTable
from sandbox.spark.grouping import without_group_by_all
from sandbox.spark.lexer import chains_of, tokens_of
from sandbox.sql.names import Scope, prepared
from sandbox.sql.refusals import Refusal


@pytest.mark.parametrize(
    ("sql", "chains"),
    [
        ("SELECT a.b FROM c.d.e", [("select",), ("a", "b"), ("from",), ("c", "d", "e")]),
        ("'x.y' \"x.y\" -- x.y\n /* x.y */ a", [("a",)]),
        ("'it\\'s a.b' r'\\' b.c", [("b", "c")]),
        ("`a.b`.`C``D` . e", [("a.b", "c`d", "e")]),
        ("1.5 2e3 .5 x1.y2", [("x1", "y2")]),
        ("a::b :c 'd", [("a",), ("b",), ("d",)]),
    ],
)
def test_names_are_told_from_text_comments_and_numbers(sql, chains):
    assert [chain.names for chain in chains_of(tokens_of(sql))] == chains


@pytest.mark.parametrize(
    ("select", "grouping"),
    [
        ("a, sum(b)", "GROUP BY 1"),
        ("sum(b), upper(a), c.d AS e", "GROUP BY 2, 3"),
        ("count(*)", ""),
        ("a, sum(b) + max(c) AS x, date_trunc('DAY', d)", "GROUP BY 1, 3"),
        ("a, row_number() OVER (ORDER BY a)", "GROUP BY 1, 2"),
        ("coalesce(a, ', sum(') AS x, min(b)", "GROUP BY 1"),
        ("(SELECT max(x) FROM u) AS top, a, count(1)", "GROUP BY 2"),
        ("DISTINCT a, EXTRACT(YEAR FROM b), avg(c)", "GROUP BY 1, 2"),
    ],
)
def test_group_by_all_becomes_the_positions_of_what_is_no_aggregate(select, grouping):
    rest = "FROM t JOIN (SELECT id, count(*) FROM v GROUP BY id) USING (id)"
    written = f"SELECT {select} {rest} group by all ORDER BY 1"
    assert without_group_by_all(written) == f"SELECT {select} {rest} {grouping} ORDER BY 1"


def test_each_of_several_queries_has_its_own_grouping():
    sql = "WITH t AS (SELECT a, sum(b) AS b FROM x GROUP BY ALL) SELECT sum(b), a, 'GROUP BY ALL' FROM t GROUP BY ALL"
    grouped = (
        "WITH t AS (SELECT a, sum(b) AS b FROM x GROUP BY 1) SELECT sum(b), a, 'GROUP BY ALL' FROM t GROUP BY 2, 3"
    )
    assert without_group_by_all(sql) == grouped


def find(tmp_path, *names):
    (tmp_path / "_delta_log").mkdir(exist_ok=True)
    known = {name: SparkTable(name, str(tmp_path), is_readable="secret" not in name) for name in names}
    return known.get


def test_a_table_of_the_system_catalog_has_another_name_for_spark(tmp_path):
    known = find(tmp_path, "system.billing.usage")
    ready = prepared("SELECT usage.x FROM System.Billing.Usage u, system.x.y", {}, Scope(), known)
    assert ready.sql == "SELECT usage.x FROM `__system`.`billing`.`usage` u, system.x.y"
    assert [table.full_name for table in ready.tables] == ["system.billing.usage"]


def test_columns_of_a_struct_are_no_tables(tmp_path):
    known = find(tmp_path, "main.a.t")
    ready = prepared("SELECT p.pricing.effective_list.default FROM main.a.t p", {}, Scope("main", "a"), known)
    assert ready.sql == "SELECT p.pricing.effective_list.default FROM `main`.`a`.`t` p"
    assert ready.unknown == ()


@pytest.mark.parametrize("sql", ["SELECT 1 FROM main.a.secret", "SELECT (SELECT max(x) FROM `MAIN`.a.Secret) FROM t"])
def test_a_table_is_refused_wherever_it_stands(tmp_path, sql):
    with pytest.raises(Refusal, match="INSUFFICIENT_PERMISSIONS"):
        prepared(sql, {}, Scope(), find(tmp_path, "main.a.secret"))


def test_a_registered_table_without_data_is_told_apart_from_an_unknown_one(tmp_path):
    with pytest.raises(Refusal, match="DELTA_TABLE_NOT_FOUND"):
        prepared("TABLE main.a.t", {}, Scope(), {"main.a.t": SparkTable("main.a.t", str(tmp_path), True)}.get)
