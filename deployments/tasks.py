"""The app's tasks, in the module in which Celery discovers them."""

from deployments.configuration.tasks import check_config, check_configs, list_all_endpoints, list_endpoints
from deployments.deployment.tasks import observe_endpoint, observe_endpoints
from deployments.stages.tasks import advance_run, expire_approvals, wake_runs
from deployments.trials.tasks import run_test_request

__all__ = [
    "advance_run",
    "check_config",
    "check_configs",
    "expire_approvals",
    "list_all_endpoints",
    "list_endpoints",
    "observe_endpoint",
    "observe_endpoints",
    "run_test_request",
    "wake_runs",
]
