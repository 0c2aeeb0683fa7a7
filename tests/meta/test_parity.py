"""What a person can do on a page a program can do over the API, through the same service."""

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import resolve, reverse

from deployments import services

ROOT = Path(__file__).resolve().parents[2]
IDS = {"deployment_id": 1, "run_id": 1, "draft_id": 1, "pk": 1, "step": "review", "result_id": 1}
IDS |= {"workspace_id": 1, "endpoint_id": 1, "policy_id": 1, "freeze_id": 1, "notice_id": 1, "rule": "budget"}


@dataclass(frozen=True)
class Doors:
    """Where a service is called from: a page by its URL name, the API by URL name and method."""

    page: str
    page_args: tuple[str, ...]
    api: str
    api_args: tuple[str, ...]
    method: str = "post"
    page_calls: str = ""
    api_calls: str = ""


DOORS = {
    "request_deployment": Doors(
        "deployments:wizard_step", ("draft_id", "step"), "deployment-list", (), page_calls="submit_draft"
    ),
    "request_update": Doors(
        "deployments:wizard_step",
        ("draft_id", "step"),
        "deployment-run-list",
        ("deployment_id",),
        page_calls="submit_draft",
    ),
    # A draft is how a page collects a spec; a program sends the whole spec.
    "submit_draft": Doors(
        "deployments:wizard_step", ("draft_id", "step"), "deployment-list", (), api_calls="request_deployment"
    ),
    "request_destroy": Doors("deployments:destroy", ("deployment_id",), "deployment-detail", ("pk",), method="delete"),
    "approve": Doors("deployments:run_approve", ("run_id",), "run-approve", ("pk",)),
    "reject": Doors("deployments:run_reject", ("run_id",), "run-reject", ("pk",)),
    "cancel": Doors("deployments:run_cancel", ("run_id",), "run-cancel", ("pk",)),
    "clean_up": Doors("deployments:run_cleanup", ("run_id",), "run-cleanup", ("pk",)),
    "force_unlock": Doors("deployments:force_unlock", ("deployment_id",), "deployment-lock-release", ("pk",)),
    "resume": Doors("deployments:run_resume", ("run_id",), "run-resume", ("pk",)),
    "override_policy": Doors("deployments:run_override", ("run_id", "result_id"), "run-override", ("pk",)),
    "break_glass": Doors("deployments:run_break_glass", ("run_id",), "run-break-glass", ("pk",)),
    "create_policy": Doors("deployments:policy_new", ("rule",), "policy-list", ()),
    "edit_policy": Doors("deployments:policy", ("policy_id",), "policy-versions", ("pk",)),
    "create_price_table": Doors("deployments:prices_new", (), "price-list", ()),
    "create_freeze": Doors("deployments:freezes", (), "freeze-list", ()),
    "lift_freeze": Doors("deployments:freeze_lift", ("freeze_id",), "freeze-lift", ("pk",)),
    "acknowledge_notice": Doors("deployments:notice_acknowledge", ("notice_id",), "notice-acknowledge", ("pk",)),
    "check_configuration": Doors(
        "deployments:config_check", ("deployment_id",), "deployment-config-drift-check", ("pk",)
    ),
    "accept_configuration": Doors(
        "deployments:config_accept", ("deployment_id",), "deployment-config-drift-accept", ("pk",)
    ),
    "revert_configuration": Doors(
        "deployments:config_revert", ("deployment_id",), "deployment-config-drift-revert", ("pk",)
    ),
    "refresh_unmanaged": Doors("deployments:unmanaged_refresh", ("workspace_id",), "unmanaged-endpoint-refresh", ()),
    "adopt_endpoint": Doors("deployments:adopt", ("endpoint_id",), "endpoint-adopt-list", ()),
    "promote": Doors("deployments:run_promote", ("run_id",), "run-promote", ("pk",)),
    "roll_back_run": Doors("deployments:run_rollback", ("run_id",), "run-rollback", ("pk",)),
    "request_rollback": Doors(
        "deployments:rollback", ("deployment_id", "run_id"), "deployment-rollback-list", ("deployment_id",)
    ),
    "rehearse_rollback": Doors("deployments:rehearse", ("deployment_id",), "rehearsal-list", ("deployment_id",)),
    "request_test": Doors("deployments:test_request", ("deployment_id",), "test-request-list", ("deployment_id",)),
}


def verbs():
    """Services that change something: those that take an ``actor`` by keyword."""
    functions = inspect.getmembers(services, inspect.isfunction)
    return {
        name
        for name, function in functions
        if function.__module__.startswith(f"{services.__name__}.")
        and not name.startswith("_")
        and (actor := inspect.signature(function).parameters.get("actor"))
        and actor.kind is inspect.Parameter.KEYWORD_ONLY
    }


def names_in(folder):
    """Every name that the modules of ``folder`` use."""
    found = set()
    for path in (ROOT / "deployments" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Name | ast.Attribute):
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def address(name, parameters):
    return reverse(name, kwargs={parameter: IDS[parameter] for parameter in parameters})


def test_every_service_that_changes_something_has_its_two_doors():
    assert verbs() == set(DOORS)


@pytest.mark.parametrize("verb", sorted(DOORS))
def test_the_page_is_there_and_calls_the_service(verb):
    doors = DOORS[verb]
    assert resolve(address(doors.page, doors.page_args))
    assert (doors.page_calls or verb) in names_in("views")


@pytest.mark.parametrize("verb", sorted(DOORS))
def test_the_api_action_is_there_and_calls_the_service(verb):
    doors = DOORS[verb]
    view = resolve(address(doors.api, doors.api_args)).func
    assert doors.method in vars(view)["actions"]
    assert (doors.api_calls or verb) in names_in("api")
