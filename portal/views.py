"""Pages of the portal itself: home, health check, component page and error pages."""

from __future__ import annotations

import structlog
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.csrf import requires_csrf_token
from django.views.decorators.http import require_safe

from accounts.people.permissions import signed_in
from accounts.teams.permissions import teams_where
from accounts.teams.roles import Action
from deployments.models import Deployment
from deployments.pages.presenters import HOME_ROWS, awaiting_approval, for_list, my_runs, rows_of
from deployments.runs.services import in_trouble
from monitoring.alerts.states import AlertState
from monitoring.models import Alert
from portal.showcase import missing_lines, showcase


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Health check: 200 if the portal can query its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The user's home page: pending approvals, own runs, endpoints with problems, notices."""
    user = signed_in(request)
    approvals = awaiting_approval(user)
    trouble = in_trouble(Deployment.objects.visible_to(user).live())
    context = {
        "approvals": approvals[:HOME_ROWS],
        "approval_count": approvals.count(),
        "runs": my_runs(user)[:HOME_ROWS],
        "trouble": rows_of(for_list(trouble)[:HOME_ROWS]),
        "trouble_count": trouble.count(),
        "notices": user.notices.filter(acknowledged_at=None),
        "firing_count": Alert.objects.visible_to(user).filter(state=AlertState.FIRING).count(),
        "may_deploy": teams_where(user, Action.DEPLOY).exists(),
    }
    return render(request, "portal/home.html", context)


@require_safe
@login_required
def components(request: HttpRequest) -> HttpResponse:
    if "gap" in request.GET:
        return render(request, "ui/_log_lines.html", {"lines": missing_lines()})
    return render(request, "portal/components.html", showcase(request.GET))


# -- error pages ---------------------------------------------------------------------------------

TITLES = {
    400: "Bad request",
    403: "Permission denied",
    404: "Page not found",
    500: "Server error",
}
TEXTS = {
    400: "The URL or the form contains a value that this page does not accept.",
    403: "You are not a member of the team, or your role does not allow this. A team admin can change your role.",
    404: "The page may have been removed, or it belongs to a team that you are not a member of.",
    500: "The portal's log has the details.",
}
CODES = {400: "bad_request", 403: "permission_denied", 404: "not_found", 500: "error"}
EXPIRED = "Your session has ended or you have logged in again. Reload the page and submit the form again."


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _error(request: HttpRequest, status: int, text: str = "") -> HttpResponse:
    """The error as JSON for the API and as a page for everything else."""
    text = text or TEXTS[status]
    if _is_api(request):
        return JsonResponse({"code": CODES[status], "message": text, "fields": {}}, status=status)
    context = {"status": status, "title": TITLES[status], "text": text}
    return render(request, "ui/error.html", context, status=status)


@requires_csrf_token
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 400)


@requires_csrf_token
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 403, str(exception))


@requires_csrf_token
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Uses neither the database nor context processors, because they may have caused the error."""
    if _is_api(request):
        return JsonResponse({"code": CODES[500], "message": TEXTS[500], "fields": {}}, status=500)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return HttpResponse(render_to_string("500.html", {"request_id": request_id}), status=500)


@requires_csrf_token
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The CSRF token is missing or wrong, usually because the session ended while the form was open."""
    context = {"status": 403, "title": "This form has expired", "text": EXPIRED, "retry": True}
    return render(request, "ui/error.html", context, status=403)
