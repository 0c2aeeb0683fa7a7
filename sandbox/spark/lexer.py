"""Splits Spark SQL into tokens, to find names outside strings and comments."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Tried in this order. In Spark, double quotes enclose strings and backquotes enclose identifiers.
PATTERNS = {
    "blank": r"\s+|--[^\n]*|/\*.*?\*/",
    "string": r"[rR]'[^']*'|[rR]\"[^\"]*\"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"",
    "quoted": r"`(?:[^`]|``)*`",
    "parameter": r":[A-Za-z_]\w*",
    "number": r"\d+(?:\.\d+)?\w*|\.\d\w*",
    "word": r"[^\W\d]\w*",
    "sign": r"::|.",
}
TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in PATTERNS.items()), re.DOTALL)


@dataclass(frozen=True)
class Token:
    """A part of the text, from ``start`` to ``end``."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def is_identifier(self) -> bool:
        return self.kind in ("word", "quoted")

    @property
    def name(self) -> str:
        """An identifier without quotes, in lower case like the names in Unity Catalog."""
        return (self.text[1:-1].replace("``", "`") if self.kind == "quoted" else self.text).lower()

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words


@dataclass(frozen=True)
class Chain:
    """Identifiers joined by dots, such as ``main.shop.orders``; ``before`` is the token in front, in capitals."""

    tokens: tuple[Token, ...]
    before: str

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(token.name for token in self.tokens)


def tokens_of(sql: str) -> list[Token]:
    """The tokens without white space and comments."""
    found = [Token(str(match.lastgroup), match[0], *match.span()) for match in TOKEN.finditer(sql)]
    return [token for token in found if token.kind != "blank"]


def chains_of(tokens: list[Token]) -> list[Chain]:
    """All chains of maximum length, in text order."""
    chains: list[Chain] = []
    index = 0
    while index < len(tokens):
        end = _chain_end(tokens, index)
        if end > index:
            before = tokens[index - 1].text.upper() if index else ""
            chains.append(Chain(tuple(tokens[index:end:2]), before))
        index = max(end, index + 1)
    return chains


def _chain_end(tokens: list[Token], index: int) -> int:
    """The index after the chain that starts at ``index``; ``index`` itself if no chain starts there."""
    if not tokens[index].is_identifier:
        return index
    end = index + 1
    while end + 1 < len(tokens) and tokens[end].text == "." and tokens[end + 1].is_identifier:
        end += 2
    return end


def replaced(sql: str, changes: list[tuple[int, int, str]]) -> str:
    """``sql`` with each range from ``start`` to ``end`` replaced. The ranges must not overlap."""
    for start, end, text in sorted(changes, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql
