"""``manage.py demo``: everything on this machine, with people, models and a first deployment to look at.

What one start has done the next one finds: it migrates, trains and deploys only what is missing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from portal.embedded import prepare
from portal.embedded.assets import build_assets, collect_static
from portal.embedded.cast import make_cast
from portal.embedded.credentials import sandbox_environment, sandbox_token
from portal.embedded.first_deployment import SPEC, DemoFailed, deploy, wait_for_catalog
from portal.embedded.grants import grant_to_portal
from portal.embedded.parts import PORTAL, SANDBOX
from portal.embedded.ports import LOOPBACK, check_free
from portal.embedded.runtime import ROOT, Progress, parts, running, stay, wait_for
from portal.embedded.supervision import Supervisor

DEPLOYER = "fiona"
API_TIMEOUT_S = 30
TRAFFIC_REQUESTS = 300

Say = Callable[[str], None]


def url() -> str:
    return f"http://{LOOPBACK}:{settings.PORT}"


def sandbox_url() -> str:
    return f"http://{LOOPBACK}:{settings.SANDBOX_PORT}"


def run_demo(*, with_content: bool) -> None:
    """Stays until it is told to stop. Without content there are people and environments, but no models.

    Raises AlreadyRunning, PortTaken, NoRedis, PrepareError, SupervisorError, DemoFailed or Stopped.
    """
    say = Progress()
    with prepare.own_var_dir():
        check_free({"PORT": settings.PORT, "SANDBOX_PORT": settings.SANDBOX_PORT})
        if settings.EMBEDDED_REDIS:
            prepare.make_redis_directory()
        credentials = sandbox_environment()
        os.environ.update(credentials)
        with running(parts(SANDBOX), credentials, say) as supervisor:
            record = _start(supervisor, with_content=with_content, say=say)
            _write(record)
            _print_logins(record)
            stay(supervisor)


def _start(supervisor: Supervisor, *, with_content: bool, say: Say) -> dict[str, Any]:
    """Start the parts as soon as each can be, and fill them. Returns what demo.json says."""
    say("starting the workspace (sandbox) and Redis")
    supervisor.start(*(part.name for part in supervisor.parts if part not in PORTAL))
    record = _read()
    with _background() as pool:
        say("preparing the database, the pages and Terraform")
        terraform = pool.submit(prepare.install_terraform, ROOT)
        pages = pool.submit(_make_pages)
        prepare.migrate()
        record |= {"url": url(), "sandbox_url": sandbox_url(), "sandbox_token": sandbox_token()}
        record["users"] = make_cast(record.get("users", []))
        wait_for(supervisor, f"{sandbox_url()}/_sandbox/health")
        grant_to_portal(sandbox_url(), sandbox_token())
        say("the workspace answers")
        training = pool.submit(_train, say) if with_content and "run" not in record else None
        pages.result()
        terraform.result()
        supervisor.start(*(part.name for part in PORTAL))
        wait_for(supervisor, f"{url()}/healthz")
        say("the portal answers")
        if training:
            training.result()
    # Before the deployment: a start that is cut short here must not lose the passwords it has just made.
    _write(record)
    if training:
        record |= _show(record, say)
    elif with_content:
        _wait_for_endpoint(supervisor, say)
    return record


@contextmanager
def _background() -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for subprocesses. Told to stop, we do not wait for them: they end with what they wait for."""
    pool = ThreadPoolExecutor(max_workers=3)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _make_pages() -> None:
    build_assets(ROOT)
    collect_static()


def _train(say: Say) -> None:
    say("training and registering real models with MLflow")
    _run_example("sandbox.examples", say)


def _show(record: dict[str, Any], say: Say) -> dict[str, int]:
    """Deploy one model through the real pipeline and send it traffic."""
    say("reading the registry into the catalog")
    wait_for_catalog()
    token = next(user["token"] for user in record["users"] if user["username"] == DEPLOYER)
    say(f"{DEPLOYER} deploys {SPEC['model']} to {SPEC['environment']}")
    with httpx.Client(
        base_url=f"{url()}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=API_TIMEOUT_S
    ) as api:
        deployment, run = deploy(api, say)
    say("sending traffic to the endpoint")
    _run_example("sandbox.examples.traffic", say, SPEC["name"], str(TRAFFIC_REQUESTS))
    return {"deployment": deployment, "run": run}


def _wait_for_endpoint(supervisor: Supervisor, say: Say) -> None:
    """The endpoint of an earlier start has to come back by itself."""
    say(f"waiting for the endpoint {SPEC['name']} to be served again")
    _run_example("sandbox.examples.traffic", say, SPEC["name"], "1")
    supervisor.check()


def _run_example(module: str, say: Say, *arguments: str) -> None:
    """Run a program of the data scientist's, logged in as one; its lines become lines of ours."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")},
        "MLFLOW_TRACKING_URI": sandbox_url(),
        "MLFLOW_TRACKING_TOKEN": sandbox_token(),
    }
    log = Path(settings.VAR_DIR) / "logs" / "examples.log"
    with (
        log.open("a") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            say(line.rstrip())
    if process.returncode:
        raise DemoFailed(f"{module} ended with status {process.returncode}: see {log}.")


def _file() -> Path:
    return Path(settings.VAR_DIR) / "demo.json"


def _read() -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(_file().read_text())
    except FileNotFoundError:
        return {}
    return record


def _write(record: dict[str, Any]) -> None:
    """In one step, and never readable by others: it holds every password of the demo."""
    part = _file().with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(record, indent=2) + "\n")
    part.replace(_file())


def _print_logins(record: dict[str, Any]) -> None:
    rows = [("login", "password", "role", "team")]
    rows += [(user["username"], user["password"], user["role"], user["team"]) for user in record["users"]]
    print(f"\nSlipway is ready: {record['url']}\n", flush=True)
    for username, password, role, team in rows:
        print(f"  {username:<10} {password:<21} {role:<15} {team}")
    print(f"\n  API tokens and more: {_file()}\n  The workspace: {record['sandbox_url']}\n  Ctrl-C stops everything.\n")
    sys.stdout.flush()
