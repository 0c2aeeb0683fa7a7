"""What a person can do on a page a program can do over the API, through the same service."""

import ast
import importlib
import inspect
import pkgutil
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import resolve, reverse

import deployments
import monitoring

IDS = {"deployment_id": 1, "run_id": 1, "draft_id": 1, "pk": 1, "step": "review", "result_id": 1}
IDS |= {"workspace_id": 1, "endpoint_id": 1, "policy_id": 1, "freeze_id": 1, "notice_id": 1, "rule": "budget"}
IDS |= {"receiver_id": 1, "route_id": 1, "view_id": 1, "full_name": "a.b.c"}


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


# Alerts are acted on one by one or many at once, on a page of their own.
ACTS = "monitoring:alerts_act"
DEPLOYMENT = ("deployment_id",)
MONITORING_DOORS = {
    "set_budget": Doors("monitoring:budgets", (), "budget-list", ()),
    "create_receiver": Doors("monitoring:receivers", (), "receiver-list", ()),
    "delete_receiver": Doors(
        "monitoring:receiver_delete", ("receiver_id",), "receiver-detail", ("pk",), method="delete"
    ),
    "request_receiver_test": Doors("monitoring:receiver_test", ("receiver_id",), "receiver-test", ("pk",)),
    "create_alert_route": Doors("monitoring:alert_routes", (), "alert-route-list", ()),
    "delete_alert_route": Doors(
        "monitoring:route_delete", ("route_id",), "alert-route-detail", ("pk",), method="delete"
    ),
    "acknowledge_alert": Doors(ACTS, (), "alert-acknowledge", ("pk",)),
    "snooze_alert": Doors(ACTS, (), "alert-snooze", ("pk",)),
    "resolve_alert": Doors(ACTS, (), "alert-resolve", ("pk",)),
    "set_alert_rule": Doors("monitoring:alert_rules", DEPLOYMENT, "alert-rule-list", DEPLOYMENT),
    "set_feature": Doors("monitoring:drift_feature", DEPLOYMENT, "deployment-drift-features", DEPLOYMENT),
    "choose_baseline": Doors("monitoring:drift_baseline", DEPLOYMENT, "deployment-drift-baseline", DEPLOYMENT),
    "set_labels": Doors("monitoring:quality", ("full_name",), "of-deployment-quality", DEPLOYMENT, method="put"),
    "remove_labels": Doors(
        "monitoring:quality_remove", DEPLOYMENT, "of-deployment-quality", DEPLOYMENT, method="delete"
    ),
    # Changes nothing but the audit trail.
    "rows_behind": Doors("monitoring:drift_rows", DEPLOYMENT, "deployment-drift-rows", DEPLOYMENT, method="get"),
    "save_view": Doors("monitoring:fleet_view_new", (), "saved-view-list", ()),
    "change_view": Doors("monitoring:fleet_view_edit", ("view_id",), "saved-view-detail", ("pk",), method="patch"),
    "delete_view": Doors("monitoring:fleet_view_delete", ("view_id",), "saved-view-detail", ("pk",), method="delete"),
    "ask_for_history": Doors("monitoring:health_history", DEPLOYMENT, "deployment-health-history", DEPLOYMENT),
}
APPS = {"deployments": (deployments, DOORS), "monitoring": (monitoring, MONITORING_DOORS)}
# What acknowledging, snoozing and resolving share.
INNER = {"settle"}
# The last step of the wizard is a module of its own.
HELPED = {"deployments.wizard.views": ("deployments.wizard.review",)}
EVERY = [(app, verb) for app, (_, doors) in APPS.items() for verb in sorted(doors)]


def verbs(package):
    """Services that change something: functions that take an ``actor`` by keyword."""
    walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    modules = [importlib.import_module(one.name) for one in walked if ".migrations" not in one.name]
    return {
        name
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and (actor := inspect.signature(function).parameters.get("actor"))
        and actor.kind is inspect.Parameter.KEYWORD_ONLY
    }


def names_in(modules):
    """Every name that the modules use."""
    found = set()
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[module]))):
            if isinstance(node, ast.Name | ast.Attribute):
                found.add(node.id if isinstance(node, ast.Name) else node.attr)
    return found


def address(name, parameters):
    return reverse(name, kwargs={parameter: IDS[parameter] for parameter in parameters})


@pytest.mark.parametrize("app", APPS)
def test_every_service_that_changes_something_has_its_two_doors(app):
    package, doors = APPS[app]
    assert verbs(package) - INNER == set(doors)


@pytest.mark.parametrize(("app", "verb"), EVERY)
def test_the_page_is_there_and_calls_the_service(app, verb):
    doors = APPS[app][1][verb]
    view = inspect.unwrap(resolve(address(doors.page, doors.page_args)).func)
    assert (doors.page_calls or verb) in names_in({view.__module__, *HELPED.get(view.__module__, ())})


@pytest.mark.parametrize(("app", "verb"), EVERY)
def test_the_api_action_is_there_and_calls_the_service(app, verb):
    doors = APPS[app][1][verb]
    view: Any = resolve(address(doors.api, doors.api_args)).func
    assert doors.method in vars(view)["actions"]
    bases = {base.__module__ for base in view.cls.__mro__ if base.__module__.split(".")[0] == app}
    assert (doors.api_calls or verb) in names_in(bases)
