"""A check of Preflight: its result, log line and record."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from deployments.runs.records import StageRecord
from deployments.runs.statuses import Level, RunStatus
from deployments.stages.context import Context


@dataclass(frozen=True)
class Check:
    name: str
    result: Literal["pass", "warn", "fail"]
    message: str
    fix: str = ""


LEVELS = {"pass": Level.INFO, "warn": Level.WARNING, "fail": Level.ERROR}


def preflight_record(context: Context) -> StageRecord | None:
    """The record of the current pass through Preflight."""
    return StageRecord.objects.filter(run=context.run, stage=RunStatus.PREFLIGHT).order_by("-pk").first()


def log_check(context: Context, check: Check) -> None:
    text = f"{check.name}: {check.message}" + (f" Fix: {check.fix}" if check.fix else "")
    context.log(text, level=LEVELS[check.result])


def note_checks(context: Context, checks: list[Check]) -> None:
    StageRecord.note(context.run.pk, RunStatus.PREFLIGHT, {"checks": [asdict(check) for check in checks]})
