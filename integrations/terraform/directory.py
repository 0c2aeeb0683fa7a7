"""Runs Terraform in the directory of a run, over python-terraform.

Commands that plan or change something (``init``, ``plan``, ``apply``, ``adopt_apply``, ``import_resource``,
``force_unlock``, ``state_push``) return a CommandResult, also if they fail. Commands that only read (``show``,
``output``, ``version``, ``state_pull``) return the data or raise IntegrationError. All commands raise
IntegrationError if the binary cannot be started.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged
from python_terraform import Terraform as PythonTerraform

from integrations.errors import IntegrationError
from integrations.process import Ending, Limits, Process, find_by_output, follow, start_time
from integrations.terraform.files import (
    ENDPOINT_ADDRESS,
    HttpBackend,
    Import,
    TerraformSettings,
    planfile_sha256,
    render_workspace,
    terraform_env,
)
from integrations.terraform.results import (
    CommandLog,
    CommandResult,
    Diagnostic,
    OnOutput,
    Outcome,
    OutputLine,
    RanCommand,
    adopted_result,
    command_result,
)

__all__ = [
    "ENDPOINT_ADDRESS",
    "CommandResult",
    "Diagnostic",
    "HttpBackend",
    "Import",
    "Outcome",
    "OutputLine",
    "RunDirectory",
    "TerraformSettings",
    "planfile_sha256",
    "render_workspace",
    "terraform_env",
]

logger = logging.getLogger(__name__)

LOG_DIRECTORY = ".logs"
_LOCK_TIMEOUT = "30s"
_READ_TIMEOUT_S = 120.0
_PLAN_TIMEOUT_S = 900.0
_APPLY_TIMEOUT_S = 7200.0


ShouldCancel = Callable[[], bool]


@dataclass(frozen=True)
class _ApplyRecord:
    """Record of an apply, stored beside its logs, so that another worker can find the apply."""

    planfile_sha256: str
    out: str
    err: str
    #: Seconds since the epoch.
    began_at: float
    pid: int | None = None
    started: str = ""
    rc: int | None = None


class _CommandLine(PythonTerraform):  # type: ignore[misc]  # python-terraform ships no types
    """python-terraform with another ``cmd``: its own environment, output to files, cancellation, time limit.

    Call only ``cmd``: ``__getattr__`` of python-terraform turns any name into a command and logs the arguments.
    """

    def __init__(self, directory: Path, settings: TerraformSettings, env: Mapping[str, str]) -> None:
        self.settings = settings
        self.env = env
        super().__init__(working_dir=str(directory), terraform_bin_path=str(settings.binary))

    def read_state_file(self, file_path: str | None = None) -> None:
        """Do not read the state: it contains secrets that this class does not need."""
        self.tfstate = None

    def cmd(
        self,
        cmd: str,
        *args: str,
        log: CommandLog,
        timeout_s: float,
        should_cancel: ShouldCancel | None = None,
        on_start: Callable[[Process], None] | None = None,
        base: Path | None = None,
        **options: Any,
    ) -> RanCommand:
        argv = self.generate_cmd_string(cmd, *args, **options)
        base = base or log_base(Path(self.working_dir), cmd)
        began = time.monotonic()
        process = self._start(argv, base)
        if on_start:
            on_start(process)
        limits = Limits(timeout_s=timeout_s, grace_s=self.settings.cancel_grace_s)
        ending = follow(process, limits, on_line=log.take, should_cancel=should_cancel)
        return RanCommand(cmd, ending, log, process.out, process.err, time.monotonic() - began)

    def _start(self, argv: list[str], base: Path) -> Process:
        out, err = base.with_suffix(".out"), base.with_suffix(".err")
        try:
            return Process.start(argv, cwd=Path(self.working_dir), env=self.env, out=out, err=err)
        except OSError as error:
            raise IntegrationError(f"starting {argv[0]}: {error}", permanent=True, source="terraform") from error


class RunDirectory:
    """The directory of one run, prepared by ``render_workspace``. Not thread-safe.

    ``on_line`` gets every line of init, plan and apply immediately. ``should_cancel`` is called twice a second.
    Once it returns True, Terraform is interrupted, interrupted again after ``cancel_grace_s``, and killed 5 s later.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: TerraformSettings,
        env: Mapping[str, str],
        on_line: OnOutput | None = None,
        should_cancel: ShouldCancel | None = None,
    ) -> None:
        self.directory = directory
        self._settings = settings
        self._on_line = on_line
        self._should_cancel = should_cancel
        self._terraform = _CommandLine(directory, settings, env)

    def init(self, *, timeout_s: float = _READ_TIMEOUT_S) -> CommandResult:
        options = {"json": IsFlagged, "input": False, "reconfigure": IsFlagged}
        options["lockfile"] = "readonly" if self._settings.lock_file else None
        return command_result(self._run("init", timeout_s=timeout_s, **options))

    def plan(self, out: str, *, destroy: bool = False, timeout_s: float = _PLAN_TIMEOUT_S) -> CommandResult:
        """Save the plan as ``out``, a file name in the directory. The outcome is OK if there are no changes."""
        options: dict[str, Any] = {
            "out": out,
            "json": IsFlagged,
            "input": False,
            "lock_timeout": _LOCK_TIMEOUT,
        }
        options["detailed_exitcode"] = IsFlagged
        options["destroy"] = IsFlagged if destroy else None
        return command_result(self._run("plan", timeout_s=timeout_s, **options))

    def show(self, planfile: str) -> dict[str, Any]:
        """The saved plan as Terraform's JSON. It contains secrets: redact it before storing."""
        return self._read_json("show", planfile)

    def apply(self, planfile: str, *, timeout_s: float = _APPLY_TIMEOUT_S) -> CommandResult:
        """Apply a saved plan. Raises IntegrationError if an apply of this plan has already been started."""
        base = log_base(self.directory, "apply")
        record = self._claim(planfile, base)

        def remember(process: Process) -> None:
            nonlocal record
            record = replace(record, pid=process.pid, started=process.started)
            self._note(record)

        options: dict[str, Any] = {"json": IsFlagged, "input": False, "lock_timeout": _LOCK_TIMEOUT}
        try:
            ran = self._run("apply", planfile, timeout_s=timeout_s, on_start=remember, base=base, **options)
        except IntegrationError:
            if record.pid is None:  # nothing was started, so the plan can be applied later
                self._record_path(record).unlink()
            raise
        self._note(replace(record, rc=ran.ending.returncode))
        return command_result(ran)

    def adopt_apply(self, *, timeout_s: float = _APPLY_TIMEOUT_S) -> CommandResult | None:
        """Follow the latest apply that any process started in this directory; None if there was none.

        Waits for its end with the same callbacks; ``on_line`` gets its lines from the first one on. Without an exit
        code the JSON log gives the outcome: FAILED if it has errors, OK if it has a summary, otherwise UNKNOWN.
        """
        record = self._latest_record()
        if record is None:
            return None
        process = _process_of(record)
        log, ending = CommandLog(self._on_line), Ending(None, cancelled=False, timed_out=False)
        if process.out.exists():
            limits = Limits(timeout_s=timeout_s, grace_s=self._settings.cancel_grace_s)
            ending = follow(process, limits, on_line=log.take, should_cancel=self._should_cancel)
        duration_s = time.time() - record.began_at
        return adopted_result(log, ending, rc=record.rc, duration_s=duration_s)

    def import_resource(self, address: str, identifier: str, *, timeout_s: float = _READ_TIMEOUT_S) -> CommandResult:
        """Import an existing object into the state immediately: destroy plans do not support import blocks."""
        options: dict[str, Any] = {"input": False, "no_color": IsFlagged, "lock_timeout": _LOCK_TIMEOUT}
        return command_result(self._run("import", address, identifier, timeout_s=timeout_s, **options))

    def output(self) -> dict[str, Any]:
        """{name: value} of the outputs."""
        return {name: value["value"] for name, value in self._read_json("output").items()}

    def version(self) -> str:
        return str(self._read_json("version")["terraform_version"])

    def state_pull(self) -> dict[str, Any]:
        """The state; {} if there is none. It contains secrets."""
        return self._read_json("state pull", json=None)

    def state_push(self, path: Path) -> CommandResult:
        """Upload a state that could not be saved, usually ``errored_state``."""
        return command_result(self._run("state push", str(path), timeout_s=_READ_TIMEOUT_S))

    def force_unlock(self, lock_id: str) -> CommandResult:
        if not lock_id or lock_id.startswith("-"):
            raise ValueError(f"not a lock id: {lock_id!r}")
        ran = self._run("force-unlock", lock_id, timeout_s=_READ_TIMEOUT_S, force=IsFlagged)
        return command_result(ran)

    @property
    def errored_state(self) -> Path | None:
        """The state file that Terraform leaves if it cannot reach the backend at the end of an apply, or None."""
        path = self.directory / "errored.tfstate"
        return path if path.exists() else None

    def _run(self, command: str, *arguments: str, timeout_s: float, **options: Any) -> RanCommand:
        logger.debug("running terraform", extra={"command": command, "directory": str(self.directory)})
        log = CommandLog(self._on_line)
        return self._terraform.cmd(
            command, *arguments, log=log, timeout_s=timeout_s, should_cancel=self._should_cancel, **options
        )

    def _read_json(self, command: str, *arguments: str, **options: Any) -> dict[str, Any]:
        options = {"json": IsFlagged, **options}
        ran = self._terraform.cmd(command, *arguments, log=CommandLog(), timeout_s=_READ_TIMEOUT_S, **options)
        try:
            text = ran.out.read_text()
        finally:
            ran.out.unlink()
        result = command_result(ran)
        if not result.ok:
            shown = "; ".join(f"{d.summary} {d.detail}".strip() for d in result.errors)
            raise IntegrationError(f"terraform {command}: {shown}", permanent=True, source="terraform")
        parsed: dict[str, Any] = json.loads(text) if text.strip() else {}
        return parsed

    def _claim(self, planfile: str, base: Path) -> _ApplyRecord:
        """Write the record before the start: if the worker dies, the process can be found by its output file."""
        digest = planfile_sha256(self.directory / planfile)
        out, err = str(base.with_suffix(".out")), str(base.with_suffix(".err"))
        record = _ApplyRecord(digest, out=out, err=err, began_at=time.time())
        try:
            os.close(os.open(self._record_path(record), os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            message = "an apply of this plan was already started: adopt it or create a new plan"
            raise IntegrationError(message, permanent=True, source="terraform", code="ALREADY_APPLIED") from error
        self._save(record)
        return record

    def _record_path(self, record: _ApplyRecord) -> Path:
        return self.directory / LOG_DIRECTORY / f"apply-{record.planfile_sha256}.json"

    def _save(self, record: _ApplyRecord) -> None:
        path = self._record_path(record)
        partial = path.with_suffix(".new")
        partial.write_text(json.dumps(asdict(record)))
        partial.chmod(0o600)
        partial.replace(path)

    def _note(self, record: _ApplyRecord) -> None:
        """Update the record. Errors are only logged: a full disk must not interrupt a running apply."""
        try:
            self._save(record)
        except OSError as error:
            logger.warning("saving the record of the apply: %s", error)

    def _latest_record(self) -> _ApplyRecord | None:
        texts = [path.read_text() for path in (self.directory / LOG_DIRECTORY).glob("apply-*.json")]
        records = [_ApplyRecord(**json.loads(text)) for text in texts if text]
        return max(records, key=lambda record: record.began_at, default=None)


def log_base(directory: Path, command: str) -> Path:
    """Path of a new command's output files, without suffix. The names sort by time."""
    logs = directory / LOG_DIRECTORY
    logs.mkdir(mode=0o700, exist_ok=True)
    return logs / f"{time.time_ns()}-{command.replace(' ', '-')}"


def _process_of(record: _ApplyRecord) -> Process:
    out, err = Path(record.out), Path(record.err)
    pid = record.pid or find_by_output(out)
    if pid is None:
        return Process.adopt(0, "never started", out, err)
    return Process.adopt(pid, record.started or start_time(pid) or "", out, err)
