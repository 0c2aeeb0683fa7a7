"""Pages of deployments and runs, and Terraform's state backend."""

from __future__ import annotations

from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from deployments.views import state

app_name = "deployments"
urlpatterns = [
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
