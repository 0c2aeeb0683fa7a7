"""Replaces GROUP BY ALL, which Sail lacks, by GROUP BY with the positions of the columns that are not aggregates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from sandbox.spark.lexer import Token, replaced, tokens_of

# The aggregate functions. A call of any other function is a column to group by.
AGGREGATES = re.compile(
    r"(any|any_value|every|some|bool_and|bool_or|bit_and|bit_or|bit_xor|count|count_if|count_min_sketch|sum|avg|mean"
    r"|median|mode|min|min_by|max|max_by|first|first_value|last|last_value|array_agg|collect_list|collect_set|listagg"
    r"|string_agg|approx_count_distinct|approx_percentile|percentile\w*|histogram_numeric|kurtosis|skewness|corr"
    r"|covar_pop|covar_samp|std|stddev\w*|variance|var_pop|var_samp|regr_\w+|try_avg|try_sum)",
    re.IGNORECASE,
)
OPENING, CLOSING = "([", ")]"


def without_group_by_all(sql: str) -> str:
    tokens = tokens_of(sql)
    changes = []
    for index in range(len(tokens) - 2):
        group, by, all_ = tokens[index : index + 3]
        if group.is_word("GROUP") and by.is_word("BY") and all_.is_word("ALL"):
            changes.append((group.start, all_.end, _grouping(_select_list(tokens[:index]))))
    return replaced(sql, changes)


def _grouping(items: list[list[Token]]) -> str:
    """ "" if all items are aggregates: the rows form one group."""
    positions = [str(number) for number, item in enumerate(items, start=1) if not _is_aggregate(item)]
    return f"GROUP BY {', '.join(positions)}" if positions else ""


def _select_list(before: list[Token]) -> list[list[Token]]:
    """The items between SELECT and FROM of the query that starts with ``before``."""
    start = _own_select(before)
    items: list[list[Token]] = [[]]
    for token, depth in _with_depth(before[start + 1 :]):
        if depth == 0 and token.is_word("FROM"):
            break
        if depth == 0 and token.text == ",":
            items.append([])
        else:
            items[-1].append(token)
    return items


def _own_select(before: list[Token]) -> int:
    """The last SELECT that is not inside closed brackets."""
    depth = 0
    for index in range(len(before) - 1, -1, -1):
        if before[index].text in CLOSING:
            depth += 1
        elif before[index].text in OPENING:
            depth -= 1
        elif depth == 0 and before[index].is_word("SELECT"):
            return index
    return -1


def _with_depth(tokens: list[Token]) -> Iterator[tuple[Token, int]]:
    depth = 0
    for token in tokens:
        depth -= token.text in CLOSING
        yield token, depth
        depth += token.text in OPENING


def _is_aggregate(item: list[Token]) -> bool:
    """Whether the item calls an aggregate function. With OVER it is a window function, which counts as a column."""
    calls = any(
        token.kind == "word" and AGGREGATES.fullmatch(token.text) and following.text == "("
        for token, following in pairwise(item)
    )
    return calls and not any(token.is_word("OVER") for token in item)
