"""Request bodies of the Statement Execution API."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from sandbox.web.bodies import Body
from sandbox.web.errors import invalid

WAIT = re.compile(r"(\d+)s")
MIN_WAIT_S, MAX_WAIT_S = 5, 50
MAX_STATEMENT_BYTES = 16 * 2**20


class ParameterBody(Body):
    name: str
    value: str | None = None
    type: str = "STRING"


class StatementBody(Body):
    statement: str
    warehouse_id: str
    catalog: str = ""
    schema_name: str = Field("", alias="schema")
    parameters: list[ParameterBody] = []
    wait_timeout: str = "10s"
    on_wait_timeout: Literal["CONTINUE", "CANCEL"] = "CONTINUE"
    disposition: Literal["INLINE", "EXTERNAL_LINKS"] = "INLINE"
    format: Literal["JSON_ARRAY", "ARROW_STREAM", "CSV"] = "JSON_ARRAY"
    row_limit: int | None = Field(None, ge=1)
    byte_limit: int | None = Field(None, ge=1)

    @property
    def is_inline(self) -> bool:
        return self.disposition == "INLINE"

    def checked_wait_s(self) -> int:
        """The seconds that the request waits for the result. Raises ApiError 400 if any value is invalid."""
        match = WAIT.fullmatch(self.wait_timeout)
        wait_s = int(match[1]) if match else -1
        if wait_s != 0 and not MIN_WAIT_S <= wait_s <= MAX_WAIT_S:
            raise invalid(f"wait_timeout must be 0s or from 5s to 50s, not {self.wait_timeout}.")
        if self.is_inline and self.format != "JSON_ARRAY":
            raise invalid("The format field must be JSON_ARRAY when the disposition field is INLINE.")
        if len(self.statement.encode()) > MAX_STATEMENT_BYTES:
            raise invalid("The statement is larger than 16 MiB.")
        if wait_s == 0 and self.on_wait_timeout == "CANCEL":
            raise invalid("on_wait_timeout cannot be CANCEL when wait_timeout is 0s.")
        return wait_s
