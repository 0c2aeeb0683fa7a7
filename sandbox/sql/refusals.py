"""Errors of statements in Spark's format: "[CONDITION] text SQLSTATE: state"."""

from __future__ import annotations


class Refusal(Exception):
    """The statement fails. ``error_code`` is the code of the service, ``condition`` the code of Spark or ""."""

    def __init__(self, condition: str, text: str, sql_state: str = "", error_code: str = "BAD_REQUEST") -> None:
        head = f"[{condition}] " if condition else ""
        tail = f" SQLSTATE: {sql_state}" if sql_state else ""
        super().__init__(f"{head}{text}{tail}")
        self.error_code = error_code
        self.sql_state = sql_state


def insufficient(text: str) -> Refusal:
    return Refusal("INSUFFICIENT_PERMISSIONS", f"Insufficient privileges:\n{text}", "42501")


def not_found(full_name: str) -> Refusal:
    name = ".".join(f"`{part}`" for part in full_name.split("."))
    text = (
        f"The table or view {name} cannot be found. Verify the spelling and correctness of the schema and catalog.\n"
        "To tolerate the error on drop use DROP VIEW IF EXISTS or DROP TABLE IF EXISTS."
    )
    return Refusal("TABLE_OR_VIEW_NOT_FOUND", text, "42P01")
