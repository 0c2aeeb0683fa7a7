"""``manage.py demo``: all of Slipway on this machine, with users, models and a first deployment.

Later starts reuse the results of earlier ones: they migrate, train and deploy only what is missing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from embedded import prepare
from embedded import record as demo_record
from embedded.assets import build_assets, collect_static
from embedded.cast import make_cast
from embedded.credentials import sandbox_environment, sandbox_token
from embedded.examples import run_example
from embedded.first_deployment import SPEC, deploy, wait_for_catalog
from embedded.grants import grant_to_portal
from embedded.parts import PORTAL, SANDBOX
from embedded.ports import check_free, portal_url, sandbox_url
from embedded.runtime import ROOT, Progress, parts, running, stay, wait_for
from embedded.supervision import Supervisor

DEPLOYER = "fiona"
TRAFFIC_REQUESTS = 60

Say = Callable[[str], None]


def run_demo(*, with_content: bool, with_history: bool) -> None:
    """Run the demo until it is told to stop.

    Without ``with_content`` there are users and environments, but no models. ``with_history`` starts a separate
    process that fills the history while the portal is already in use.

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
            demo_record.write(record)
            _print_logins(record)
            if with_content and with_history and "history" not in record:
                _begin_history()
            stay(supervisor)


def _start(supervisor: Supervisor, *, with_content: bool, say: Say) -> dict[str, Any]:
    """Start each part as soon as possible and create the content. Returns the record for demo.json."""
    say("starting the workspace (sandbox) and Redis")
    supervisor.start(*(part.name for part in supervisor.parts if part not in PORTAL))
    record = demo_record.read()
    with _background() as pool:
        say("preparing the database, the pages and Terraform")
        terraform = pool.submit(prepare.install_terraform, ROOT)
        pages = pool.submit(_make_pages)
        prepare.migrate()
        record |= {"url": portal_url(), "sandbox_url": sandbox_url(), "sandbox_token": sandbox_token()}
        record["users"] = make_cast(record.get("users", []))
        wait_for(supervisor, f"{sandbox_url()}/_sandbox/health")
        grant_to_portal(sandbox_url(), sandbox_token())
        say("the workspace is ready")
        training = pool.submit(_train, say) if with_content and "run" not in record else None
        pages.result()
        terraform.result()
        supervisor.start(*(part.name for part in PORTAL))
        wait_for(supervisor, f"{portal_url()}/healthz")
        say("the portal is ready")
        if training:
            training.result()
    # Write before the deployment, so that an interrupted start does not lose the new passwords.
    demo_record.write(record)
    if training:
        record |= _show(record, say)
    elif with_content:
        _wait_for_endpoint(supervisor, say)
    return record


@contextmanager
def _background() -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for subprocesses. On an exception they are not awaited: they end with their subprocesses."""
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
    run_example("sandbox.examples", say)


def _show(record: dict[str, Any], say: Say) -> dict[str, int]:
    """Deploy one model through the portal and send it traffic. Returns the ids of the deployment and the run."""
    say("syncing the catalog")
    wait_for_catalog()
    say(f"{DEPLOYER} deploys {SPEC['model']} to {SPEC['environment']}")
    deployment, run = deploy(SPEC, demo_record.token_of(record, DEPLOYER), say)
    say("sending traffic to the endpoint")
    run_example("sandbox.examples.traffic", say, SPEC["name"], str(TRAFFIC_REQUESTS))
    return {"deployment": deployment, "run": run}


def _begin_history() -> None:
    """Start filling the history. ``stay`` reaps the process; if it is interrupted, the next start continues it."""
    begun = subprocess.Popen([sys.executable, "manage.py", "demo_history"], cwd=ROOT, stdin=subprocess.DEVNULL)
    # Popen would warn that the process is still running when this object is deleted.
    begun.returncode = 0


def _wait_for_endpoint(supervisor: Supervisor, say: Say) -> None:
    """Wait until the sandbox serves the endpoint of an earlier start again."""
    say(f"waiting for the endpoint {SPEC['name']}")
    run_example("sandbox.examples.traffic", say, SPEC["name"], "1")
    supervisor.check()


def _print_logins(record: dict[str, Any]) -> None:
    rows = [("login", "password", "role", "team")]
    rows += [(user["username"], user["password"], user["role"], user["team"]) for user in record["users"]]
    print(f"\nSlipway is ready: {record['url']}\n", flush=True)
    for username, password, role, team in rows:
        print(f"  {username:<10} {password:<21} {role:<15} {team}")
    print(f"\n  API tokens and more: {demo_record.file()}\n  The workspace: {record['sandbox_url']}")
    print("  Ctrl-C stops everything.\n")
    sys.stdout.flush()
