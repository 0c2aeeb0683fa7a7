"""Terraform's output and results, parsed from its JSON, never from console text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from integrations.process import Ending, Stream

_STDERR_SHOWN = 4000


class Outcome(StrEnum):
    OK = "ok"
    CHANGES = "changes"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Diagnostic:
    """An error or warning of Terraform."""

    #: "error" or "warning".
    severity: str
    summary: str
    detail: str
    #: Resource address, or "".
    address: str


@dataclass(frozen=True)
class OutputLine:
    """A line of output."""

    stream: Stream
    text: str
    #: Terraform's JSON event (``type``, ``@message`` ...); None for plain text.
    event: dict[str, Any] | None


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    command: str
    #: Exit code; None for an adopted process.
    rc: int | None
    #: CHANGES for a plan with changes; UNKNOWN if neither the exit code nor the JSON log gives the outcome.
    outcome: Outcome
    diagnostics: tuple[Diagnostic, ...]
    cancelled: bool
    timed_out: bool
    duration_s: float

    @property
    def ok(self) -> bool:
        return self.outcome in (Outcome.OK, Outcome.CHANGES)

    @property
    def changes(self) -> bool:
        return self.outcome is Outcome.CHANGES

    @property
    def failed(self) -> bool:
        return self.outcome is Outcome.FAILED

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(d for d in self.diagnostics if d.severity == "error")


OnOutput = Callable[[OutputLine], None]


@dataclass
class CommandLog:
    """Collects diagnostics from the lines of one command."""

    on_line: OnOutput | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    has_applied: bool = False

    def take(self, stream: Stream, text: str) -> None:
        event = _parse_event(text)
        if event and event.get("type") == "diagnostic":
            self.diagnostics.append(_diagnostic(event["diagnostic"]))
        if event and event.get("type") == "change_summary":
            self.has_applied |= event.get("changes", {}).get("operation") in ("apply", "destroy")
        if self.on_line:
            self.on_line(OutputLine(stream, text, event))


@dataclass(frozen=True)
class RanCommand:
    """A finished command and its output files."""

    command: str
    ending: Ending
    log: CommandLog
    out: Path
    err: Path
    duration_s: float


def adopted_result(log: CommandLog, ending: Ending, *, rc: int | None, duration_s: float) -> CommandResult:
    """The result of an adopted apply. If ``rc`` is None, the log gives the outcome."""
    diagnostics = tuple(log.diagnostics)
    has_errors = any(d.severity == "error" for d in diagnostics)
    by_log = Outcome.FAILED if has_errors else Outcome.OK if log.has_applied else Outcome.UNKNOWN
    return CommandResult(
        command="apply",
        rc=rc,
        outcome=by_log if rc is None else _outcome("apply", rc),
        diagnostics=diagnostics,
        cancelled=ending.cancelled,
        timed_out=ending.timed_out,
        duration_s=duration_s,
    )


def command_result(ran: RanCommand) -> CommandResult:
    command, rc = ran.command, ran.ending.returncode
    outcome = _outcome(command, rc)
    diagnostics = tuple(ran.log.diagnostics)
    if outcome is Outcome.FAILED and not any(d.severity == "error" for d in diagnostics):
        said = ran.err.read_text(errors="replace")[-_STDERR_SHOWN:].strip()
        summary = f"terraform {command} ended with exit code {rc}"
        diagnostics = (*diagnostics, Diagnostic("error", summary, said, ""))
    return CommandResult(
        command=command,
        rc=rc,
        outcome=outcome,
        diagnostics=diagnostics,
        cancelled=ran.ending.cancelled,
        timed_out=ran.ending.timed_out,
        duration_s=ran.duration_s,
    )


def _outcome(command: str, rc: int | None) -> Outcome:
    if rc == 2 and command == "plan":
        return Outcome.CHANGES
    return Outcome.OK if rc == 0 else Outcome.FAILED


def _parse_event(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _diagnostic(raw: Mapping[str, Any]) -> Diagnostic:
    return Diagnostic(
        severity=str(raw.get("severity", "error")),
        summary=str(raw.get("summary", "")),
        detail=str(raw.get("detail", "")),
        address=str(raw.get("address", "")),
    )
