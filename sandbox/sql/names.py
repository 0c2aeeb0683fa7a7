"""Names of tables in a statement: which tables of Unity Catalog they mean, and what Sail calls those."""

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
    """A statement for Sail, the tables that its session must know, and full names that may be of none."""

    sql: str
    tables: tuple[SparkTable, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """What shorter names are completed with; "" where the request names none."""

    catalog: str = ""
    schema: str = ""

    def full_name(self, names: tuple[str, ...]) -> str:
        """ "" if the name cannot be completed."""
        missing = (self.catalog, self.schema)[: max(0, 3 - len(names))]
        return "" if "" in missing else ".".join((*missing, *names)[:3]).lower()


def prepared(
    sql: str, arguments: Mapping[str, str | None], scope: Scope, find: Callable[[str], SparkTable | None]
) -> Prepared:
    """Raises Refusal for a table that may not be read, a file, and a statement that is no query."""
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
    """The full name of the table that a chain may mean: its first three names, fewer where only a table can stand."""
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
    """A query of files by their path would pass by what is granted on tables."""
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
    """IDENTIFIER(:parameter) and IDENTIFIER('text') become the name that they tell."""
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
    """Raises Refusal for a text that is anything but a name."""
    tokens = tokens_of(text)
    chains = chains_of(tokens)
    if len(chains) != 1 or len(chains[0].tokens) * 2 - 1 != len(tokens):
        raise Refusal("PARSE_SYNTAX_ERROR", f"'{text}' is no identifier.", "42601")
    return text
