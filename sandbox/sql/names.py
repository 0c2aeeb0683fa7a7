"""Table names in a statement: resolves them to tables of Unity Catalog and rewrites them for Sail."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.spark.catalog import SparkTable, is_delta
from sandbox.spark.lexer import Chain, Token, chains_of, replaced, tokens_of
from sandbox.spark.sessions import quoted_name
from sandbox.sql.refusals import Refusal, insufficient

QUERIES = frozenset(("SELECT", "WITH", "VALUES", "FROM", "TABLE", "EXPLAIN", "("))
WRITES = frozenset(("INSERT", "MERGE", "UPDATE", "DELETE"))
BEFORE_TABLES = frozenset(("FROM", "JOIN", "TABLE"))
FILE_FORMATS = frozenset(("avro", "binaryfile", "csv", "delta", "iceberg", "json", "orc", "parquet", "text"))


@dataclass(frozen=True)
class Prepared:
    """A statement for Sail."""

    sql: str
    #: The tables that the session must know.
    tables: tuple[SparkTable, ...]
    #: Full names in the statement that are not known tables.
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """The default catalog and schema of a statement; "" if the request has none."""

    catalog: str = ""
    schema: str = ""

    def full_name(self, names: tuple[str, ...]) -> str:
        """ "" if the name cannot be completed."""
        missing = (self.catalog, self.schema)[: max(0, 3 - len(names))]
        return "" if "" in missing else ".".join((*missing, *names)[:3]).lower()


def prepared(
    sql: str, arguments: Mapping[str, str | None], scope: Scope, find: Callable[[str], SparkTable | None]
) -> Prepared:
    """Raises Refusal if the statement is not a query, reads files by path, or uses a table without permission."""
    sql = _with_identifiers(sql, arguments)
    tokens = tokens_of(sql)
    _require_query(tokens)
    own_names = _names_of_common_table_expressions(tokens)
    tables: dict[str, SparkTable] = {}
    changes, unknown = [], []
    for chain in chains_of(tokens):
        _refuse_files(chain)
        full_name = _meant(chain, scope, own_names)
        table = find(full_name) if full_name else None
        if table is not None:
            _require_readable(table)
            tables[full_name] = table
            last = chain.tokens[min(len(chain.tokens), 3) - 1]
            changes.append((chain.tokens[0].start, last.end, quoted_name(full_name)))
        elif full_name and chain.before in BEFORE_TABLES:
            unknown.append(full_name)
    return Prepared(replaced(sql, changes), tuple(tables.values()), tuple(unknown))


def _meant(chain: Chain, scope: Scope, own_names: frozenset[str]) -> str:
    """The full name of the table that a chain can mean: its first three names, fewer only where a table must stand."""
    if len(chain.names) >= 3:
        return ".".join(chain.names[:3])
    if chain.before not in BEFORE_TABLES or chain.names[0] in own_names:
        return ""
    return scope.full_name(chain.names)


def _require_readable(table: SparkTable) -> None:
    if not table.is_readable:
        raise insufficient(f"User does not have SELECT on Table '{table.full_name}'.")
    if not is_delta(table.location):
        raise Refusal("DELTA_TABLE_NOT_FOUND", f"Delta table `{table.full_name}` has no data.", "42P01")


def _refuse_files(chain: Chain) -> None:
    """Raises Refusal for a query of files by path, which would bypass the grants on tables."""
    is_path = len(chain.tokens) >= 2 and chain.tokens[1].kind == "quoted" and chain.names[0] in FILE_FORMATS
    if is_path and any(sign in chain.names[1] for sign in "/:"):
        raise insufficient("User does not have SELECT on any file.")


def _require_query(tokens: list[Token]) -> None:
    first = tokens[0].text.upper() if tokens else ""
    if first not in QUERIES or (
        first in ("WITH", "FROM", "EXPLAIN") and any(token.is_word(*WRITES) for token in tokens)
    ):
        raise Refusal("UNSUPPORTED_FEATURE", f"The sandbox runs queries only, not {first or 'nothing'}.", "0A000")


def _names_of_common_table_expressions(tokens: list[Token]) -> frozenset[str]:
    triples = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return frozenset(
        name.name for name, as_, bracket in triples if name.is_identifier and as_.is_word("AS") and bracket.text == "("
    )


def _with_identifiers(sql: str, arguments: Mapping[str, str | None]) -> str:
    """Replaces IDENTIFIER(:parameter) and IDENTIFIER('text') by the name."""
    tokens = tokens_of(sql)
    changes = []
    for word, opening, told, closing in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if word.is_word("IDENTIFIER") and opening.text == "(" and closing.text == ")":
            text = _told(told, arguments)
            if text is not None:
                changes.append((word.start, closing.end, _as_name(text)))
    return replaced(sql, changes)


def _told(token: Token, arguments: Mapping[str, str | None]) -> str | None:
    if token.kind == "parameter":
        return arguments.get(token.text[1:])
    return token.text[1:-1] if token.kind == "string" else None


def _as_name(text: str) -> str:
    """Raises Refusal if the text is not a name."""
    tokens = tokens_of(text)
    chains = chains_of(tokens)
    if len(chains) != 1 or len(chains[0].tokens) * 2 - 1 != len(tokens):
        raise Refusal("PARSE_SYNTAX_ERROR", f"'{text}' is not an identifier.", "42601")
    return text
