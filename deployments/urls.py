"""URLs of the deployment and run pages and of Terraform's state backend."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from deployments.configuration import unmanaged_views as unmanaged
from deployments.configuration import views as configuration
from deployments.pages import deployments, run_actions, run_log, runs
from deployments.pages import trials as test_requests
from deployments.policies import decision_views
from deployments.policies import freeze_views as freezes
from deployments.policies import views as policies
from deployments.pricing import views as prices
from deployments.rollouts import views as rollouts
from deployments.tfstate import backend as state
from deployments.tfstate import views
from deployments.tfstate import views as states
from deployments.wizard import drafts, review
from deployments.wizard import views as wizard

app_name = "deployments"
urlpatterns = [
    path("deployments/", deployments.list_, name="list"),
    path("deployments/of/<path:full_name>/", deployments.of_model, name="of_model"),
    path("deployments/unmanaged/", unmanaged.unmanaged, name="unmanaged"),
    path("deployments/unmanaged/<int:endpoint_id>/adopt/", unmanaged.adopt, name="adopt"),
    path("deployments/unmanaged/of/<int:workspace_id>/refresh/", unmanaged.unmanaged_refresh, name="unmanaged_refresh"),
    path("deployments/new/", drafts.wizard_start, name="wizard_start"),
    path("deployments/new/<int:draft_id>/delete/", drafts.wizard_delete, name="wizard_delete"),
    path("deployments/new/<int:draft_id>/spec.yaml", review.wizard_yaml, name="wizard_yaml"),
    path("deployments/new/<int:draft_id>/<slug:step>/", wizard.wizard_step, name="wizard_step"),
    path("deployments/<int:deployment_id>/", deployments.deployment, name="deployment"),
    path("deployments/<int:deployment_id>/status/", deployments.deployment_status, name="deployment_status"),
    path("deployments/<int:deployment_id>/spec.yaml", deployments.spec_yaml, name="spec_yaml"),
    path("deployments/<int:deployment_id>/rollback/<int:run_id>/", rollouts.rollback, name="rollback"),
    path("deployments/<int:deployment_id>/rehearse/", rollouts.rehearse, name="rehearse"),
    path("deployments/<int:deployment_id>/destroy/", deployments.destroy, name="destroy"),
    path("deployments/<int:deployment_id>/config-drift/check/", configuration.config_check, name="config_check"),
    path("deployments/<int:deployment_id>/config-drift/accept/", configuration.config_accept, name="config_accept"),
    path("deployments/<int:deployment_id>/config-drift/revert/", configuration.config_revert, name="config_revert"),
    path("deployments/<int:deployment_id>/unlock/", views.force_unlock, name="force_unlock"),
    path("deployments/<int:deployment_id>/states/", states.states, name="states"),
    path("deployments/<int:deployment_id>/test/", test_requests.test_request, name="test_request"),
    path("deployments/<int:deployment_id>/test/<int:test_id>/", test_requests.test_result, name="test_result"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<int:run_id>/", runs.run, name="run"),
    path("runs/<int:run_id>/status/", runs.run_status, name="run_status"),
    path("runs/<int:run_id>/events/", run_log.run_events, name="run_events"),
    path("runs/<int:run_id>/log.txt", run_log.run_log, name="run_log"),
    path("runs/<int:run_id>/plan.json", runs.run_plan, name="run_plan"),
    path("runs/<int:run_id>/cancel/", run_actions.run_cancel, name="run_cancel"),
    path("runs/<int:run_id>/resume/", run_actions.run_resume, name="run_resume"),
    path("runs/<int:run_id>/cleanup/", run_actions.run_cleanup, name="run_cleanup"),
    path("runs/<int:run_id>/approve/", decision_views.run_approve, name="run_approve"),
    path("runs/<int:run_id>/reject/", decision_views.run_reject, name="run_reject"),
    path("runs/<int:run_id>/promote/", rollouts.run_promote, name="run_promote"),
    path("runs/<int:run_id>/rollback/", rollouts.run_rollback, name="run_rollback"),
    path("runs/<int:run_id>/break-glass/", decision_views.run_break_glass, name="run_break_glass"),
    path("runs/<int:run_id>/override/<int:result_id>/", decision_views.run_override, name="run_override"),
    path("policies/", policies.policies, name="policies"),
    path("policies/new/<slug:rule>/", policies.policy_new, name="policy_new"),
    path("policies/<int:policy_id>/", policies.policy, name="policy"),
    path("freezes/", freezes.freezes, name="freezes"),
    path("freezes/<int:freeze_id>/lift/", freezes.freeze_lift, name="freeze_lift"),
    path("prices/", prices.prices, name="prices"),
    path("prices/new/", prices.prices_new, name="prices_new"),
    path("prices/<int:table_id>/", prices.price_table, name="price_table"),
    path("notices/<int:notice_id>/acknowledge/", decision_views.notice_acknowledge, name="notice_acknowledge"),
    path(
        "terraform/state/<int:deployment_id>",
        csrf_exempt(state.terraform_state),
        name="terraform_state",
    ),
    path(
        "terraform/state/<int:deployment_id>/lock",
        csrf_exempt(state.terraform_lock),
        name="terraform_lock",
    ),
]
