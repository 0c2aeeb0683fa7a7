"""Faults that tests and demos inject: see ``/_sandbox/faults``."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

RequestKind = Literal["latency", "status", "after_effect", "html_body", "drop"]
SwitchKind = Literal[
    "build_fails", "model_crashes", "metrics_gone", "inference_table_delay", "inference_table_duplicates"
]
REQUEST_KINDS = frozenset(("latency", "status", "after_effect", "html_body", "drop"))


class Fault(BaseModel):
    """One fault."""

    model_config = ConfigDict(extra="forbid")

    kind: RequestKind | SwitchKind
    id: str = Field(default_factory=lambda: uuid.uuid4().hex)
    method: str = ""
    #: A regular expression, searched in the request path.
    path: str = ""
    #: How often the fault strikes; None means without limit.
    times: int | None = Field(default=None, ge=1)
    seconds: float = Field(default=1.0, ge=0, le=600)
    status: int = Field(default=503, ge=400, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    error_code: str = ""
    message: str = "A fault was switched on in the sandbox."
    endpoint: str = ""
    served_entity: str = ""
    entity_version: str = ""

    @field_validator("path")
    @classmethod
    def _path_is_a_pattern(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value

    def strikes_request(self, method: str, path: str) -> bool:
        if self.kind not in REQUEST_KINDS or self.method.upper() not in ("", method):
            return False
        return re.search(self.path, path) is not None

    def strikes_switch(self, name: str, match: Mapping[str, str]) -> bool:
        """False if the fault has a condition on a key that ``match`` lacks."""
        wanted = {"endpoint": self.endpoint, "served_entity": self.served_entity, "entity_version": self.entity_version}
        return self.kind == name and all(match.get(key) == value for key, value in wanted.items() if value)


class Faults:
    """The active faults. They are kept in memory only: a restart clears them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def all(self) -> list[Fault]:
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def remove(self, fault_id: str) -> bool:
        with self._lock:
            before = len(self._faults)
            self._faults = [fault for fault in self._faults if fault.id != fault_id]
            return len(self._faults) < before

    def active(self, name: SwitchKind, **match: str) -> bool:
        """Whether the switch ``name`` is on for this ``endpoint``, ``served_entity`` and ``entity_version``.

        True uses up one of the fault's ``times``.
        """
        with self._lock:
            struck = [fault for fault in self._faults if fault.strikes_switch(name, match)][:1]
            self._use_up(struck)
        return bool(struck)

    def inference_table_delay_s(self) -> float:
        """The minimum age of rows that are delivered: the longest ``seconds`` of the active delays."""
        with self._lock:
            return max((fault.seconds for fault in self._faults if fault.kind == "inference_table_delay"), default=0.0)

    def for_request(self, method: str, path: str) -> list[Fault]:
        """The faults that match this request, oldest first. Uses up one of the ``times`` of each."""
        with self._lock:
            struck = [fault for fault in self._faults if fault.strikes_request(method, path)]
            self._use_up(struck)
            return struck

    def _use_up(self, struck: list[Fault]) -> None:
        for fault in struck:
            if fault.times is not None:
                fault.times -= 1
        self._faults = [fault for fault in self._faults if fault.times != 0]
