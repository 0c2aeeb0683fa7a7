"""Benchmark of 20 concurrent deploy runs against Terraform alone, and of planning while 20 runs await approval.

The whole product runs as real processes with one ``runs`` worker. Terraform alone runs init, plan and apply in the
directories that the portal rendered, with other endpoint names and a local state, with the same binary and as many
processes as the worker has threads. Both wait until the endpoints are ready, so both start the same 20 model servers.
Run it with ``make bench-runs``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.report import Verdict, finish, machine, median, show
from deployments.runs.statuses import TERMINAL
from embedded.parts import WORKER_RUNS
from integrations.databricks.credentials import Credentials
from integrations.terraform.files import HttpBackend, TerraformSettings, render_workspace, terraform_env
from tests.product import CREATE, Product
from tests.stack import Stack
from tests.waiting import wait_until

ROUNDS = 3
RUNS = 20
RATIO_TARGET = 1.5
PLANNED_TARGET_S = 5.0
ROUND_TIMEOUT_S = 900
THREADS = int(WORKER_RUNS.command[WORKER_RUNS.command.index("-c") + 1])
# Settings that pass the policies of production, so that only the approval is missing.
IN_PRODUCTION: dict[str, Any] = {
    "environment": "prod",
    "model": "prod.fraud.credit_default",
    "monitoring": {"inference_table": True},
}
# A placeholder: ``render`` replaces the backend by a local one.
NO_BACKEND = HttpBackend("http://127.0.0.1/", "http://127.0.0.1/", "http://127.0.0.1/")


class RunsFailed(Exception):
    """A run or a Terraform command failed, so there is nothing to compare."""


# -- the portal -----------------------------------------------------------------------------------


def through_the_portal(product: Product, names: list[str]) -> tuple[float, list[int]]:
    """Seconds from the first request to the end of the last run, and the ids of the runs. Raises RunsFailed."""
    began = time.monotonic()
    ids = [product.deploy(name) for name in names]
    wait_until(lambda: not unfinished(product, ids), ROUND_TIMEOUT_S, interval_s=0.1)
    took_s = time.monotonic() - began
    bad = {run_id: product.run(run_id) for run_id in ids if status_of(product, run_id) != "succeeded"}
    if bad:
        raise RunsFailed("; ".join(f"run {run_id}: {run['status']}: {run['message']}" for run_id, run in bad.items()))
    return took_s, ids


def status_of(product: Product, run_id: int) -> str:
    return str(product.stack.query("SELECT status FROM deployments_run WHERE id = %s", run_id)[0][0])


def unfinished(product: Product, ids: list[int]) -> list[int]:
    return [run_id for run_id in ids if status_of(product, run_id) not in TERMINAL]


def variables_of(product: Product, run_id: int) -> dict[str, Any]:
    """The Terraform variables that the portal rendered for the run."""
    text = product.stack.query("SELECT variables FROM deployments_runplan WHERE run_id = %s", run_id)[0][0]
    variables: dict[str, Any] = json.loads(text)
    return variables


def destroy(product: Product, ids: list[int]) -> None:
    api = product.api("admin")
    deployments = [product.run(run_id)["deployment"] for run_id in ids]
    answers = [api.delete(f"deployments/{deployment}/").raise_for_status().json() for deployment in deployments]
    runs = [int(answer["id"]) for answer in answers]
    wait_until(lambda: not unfinished(product, runs), ROUND_TIMEOUT_S, interval_s=0.25)


# -- Terraform alone ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alone:
    """Runs Terraform without the portal, with the portal's credentials for the same workspace."""

    settings: TerraformSettings
    databricks: dict[str, str]
    root: Path

    @classmethod
    def of(cls, stack: Stack, root: Path) -> Alone:
        secrets = stack.var_dir / "secrets"
        login = Credentials(
            client_id=(secrets / "sandbox_client_id").read_text(),
            client_secret=(secrets / "sandbox_client_secret").read_text(),
        )
        settings = TerraformSettings.from_installation(stack.var_dir / "terraform" / "install.json")
        return cls(settings, dict(login.terraform_environment(stack.sandbox_url)), root)

    def render(self, name: str, variables: dict[str, Any]) -> Path:
        directory = self.root / name
        render_workspace(
            directory,
            settings=self.settings,
            backend=NO_BACKEND,
            variables=variables | {"endpoint_name": name},
        )
        backend = directory / "backend.tf.json"
        content = json.loads(backend.read_text())
        content["terraform"]["backend"] = {"local": {}}
        backend.write_text(json.dumps(content))
        return directory

    def make(self, directory: Path) -> float:
        """Run init, plan and apply and return their duration in seconds. Raises RunsFailed."""
        began = time.monotonic()
        self._run(directory, "init", "-input=false", "-lockfile=readonly")
        self._run(directory, "plan", "-input=false", "-out=plan.tfplan")
        self._run(directory, "apply", "-input=false", "plan.tfplan")
        return time.monotonic() - began

    def _run(self, directory: Path, *arguments: str) -> None:
        environment = terraform_env(
            directory, settings=self.settings, databricks=self.databricks, http_username="", http_password=""
        )
        done = subprocess.run(
            [str(self.settings.binary), *arguments],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RunsFailed(f"terraform {arguments[0]}: {done.stderr[-2000:]}")


def wall_s(alone: Alone, directories: list[Path], at_a_time: int) -> float:
    began = time.monotonic()
    with ThreadPoolExecutor(at_a_time) as pool:
        list(pool.map(alone.make, directories))
    return time.monotonic() - began


@contextmanager
def rendered(alone: Alone, product: Product, prefix: str, ids: list[int]) -> Iterator[list[Path]]:
    """Render a directory per run with its own endpoint name. The endpoints are deleted at the end."""
    names = [f"{prefix}-{number}" for number in range(len(ids))]
    try:
        yield [alone.render(name, variables_of(product, run_id)) for name, run_id in zip(names, ids, strict=True)]
    finally:
        with product.stack.workspace() as workspace:
            for name in names:
                workspace.delete(f"{CREATE}/{name}")


# -- the measurements -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Round:
    portal_s: float
    alone_s: float
    one_by_one_s: float | None = None

    @property
    def ratio(self) -> float:
        return self.portal_s / self.alone_s


def measure_round(product: Product, alone: Alone, number: int) -> Round:
    portal_s, ids = through_the_portal(product, [f"bench-{number}-{index}" for index in range(RUNS)])
    variables = ids[:]
    with rendered(alone, product, f"alone-{number}", variables) as directories:
        destroy(product, ids)
        alone_s = wall_s(alone, directories, THREADS)
    measured = Round(portal_s, alone_s)
    if number:
        return measured
    with rendered(alone, product, "single", variables) as directories:
        return replace(measured, one_by_one_s=wall_s(alone, directories, 1))


def measure_planning(product: Product) -> list[float]:
    """Seconds from the request to the plan of a run in staging, while RUNS runs in production await approval."""
    waiting = [product.deploy(f"waits-{index}", **IN_PRODUCTION) for index in range(RUNS)]
    wait_until(lambda: all(status_of(product, run_id) == "approval" for run_id in waiting), ROUND_TIMEOUT_S)
    return [seconds_to_plan(product, f"planned-{number}") for number in range(ROUNDS)]


def seconds_to_plan(product: Product, name: str) -> float:
    began = time.monotonic()
    run_id = product.deploy(name)
    wait_until(lambda: has_plan(product, run_id), ROUND_TIMEOUT_S, interval_s=0.02)
    took_s = time.monotonic() - began
    product.finished(run_id, ROUND_TIMEOUT_S)
    return took_s


def has_plan(product: Product, run_id: int) -> bool:
    return bool(product.stack.query("SELECT run_id FROM deployments_runplan WHERE run_id = %s", run_id))


def main() -> int:
    print(machine("django", "celery", "python-terraform"))
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        root = Path(name)
        with Stack(root / "var", content=True) as stack:
            product, alone = Product(stack), Alone.of(stack, root / "alone")
            print(f"Terraform {terraform_version(alone)}, {THREADS} at a time, {RUNS} runs", flush=True)
            rounds = [measure_round(product, alone, number) for number in range(ROUNDS)]
            planned = measure_planning(product)
    report(rounds, planned)
    return finish("runs", verdicts(rounds, planned))


def terraform_version(alone: Alone) -> str:
    shown = subprocess.run([str(alone.settings.binary), "version", "-json"], capture_output=True, check=True)
    return str(json.loads(shown.stdout)["terraform_version"])


def report(rounds: list[Round], planned: list[float]) -> None:
    header = ("round", "portal s", f"Terraform alone, {THREADS} at a time, s", "ratio")
    rows = [(f"{one.portal_s:.1f}", f"{one.alone_s:.1f}", f"{one.ratio:.2f}") for one in rounds]
    show(f"{RUNS} deploy runs at once", header, [(number, *row) for number, row in enumerate(rows, 1)])
    one_by_one = next(one.one_by_one_s for one in rounds if one.one_by_one_s)
    print(f"Terraform alone, one after another: {one_by_one:.1f} s")
    seconds = [(number, f"{one:.2f}") for number, one in enumerate(planned, 1)]
    show(f"A run while {RUNS} wait for an approval", ("run", "planned after s"), seconds)


def verdicts(rounds: list[Round], planned: list[float]) -> list[Verdict]:
    ratio = median(one.ratio for one in rounds)
    return [
        Verdict("ratio", ratio, RATIO_TARGET, more_is_better=False),
        Verdict("seconds until a 21st run has planned", median(planned), PLANNED_TARGET_S, more_is_better=False),
    ]


if __name__ == "__main__":
    sys.exit(main())
