"""Translates table names in Spark Connect messages from Unity Catalog's to Sail's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.spark.grouping import without_group_by_all
from sandbox.spark.lexer import chains_of, replaced, tokens_of
from sandbox.spark.sessions import quoted_name

# Protocol buffers create their classes on import, so type checkers do not know the fields.
Message = Any
# Whether Spark can read the table with this full name. Called once for each mention.
Knows = Callable[[str], bool]
# Messages, and their field with a name or a statement.
NAMED_TABLE, STATEMENTS = "spark.connect.Read.NamedTable", ("spark.connect.SQL", "spark.connect.SqlCommand")


def with_names_of_sail(request: Message, knows: Knows) -> None:
    """Changes ``request`` in place. Unknown names stay unchanged: Sail resolves them or fails."""
    for message in _all_messages(request):
        kind = message.DESCRIPTOR.full_name
        if kind == NAMED_TABLE:
            message.unparsed_identifier = _renamed(message.unparsed_identifier, knows)
        elif kind in STATEMENTS:
            name = "query" if "query" in message.DESCRIPTOR.fields_by_name else "sql"
            setattr(message, name, _renamed(without_group_by_all(getattr(message, name)), knows))


def _all_messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = [item for item in value.values() if hasattr(item, "ListFields")]
        else:
            inner = list(value) if field.is_repeated else [value]
        for item in inner:
            yield from _all_messages(item)


def _renamed(text: str, knows: Knows) -> str:
    changes = []
    for chain in chains_of(tokens_of(text)):
        full_name = ".".join(chain.names[:3])
        if len(chain.names) >= 3 and knows(full_name):
            changes.append((chain.tokens[0].start, chain.tokens[2].end, quoted_name(full_name)))
    return replaced(text, changes)
