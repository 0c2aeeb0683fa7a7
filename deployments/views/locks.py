"""Freeing the lock of a state by force."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.views import signed_in
from deployments import services
from deployments.presenters.locks import left_lock, unlock_question
from deployments.services import Refused
from deployments.views.deployments import visible_deployment


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def force_unlock(request: HttpRequest, deployment_id: int) -> HttpResponse:
    """Frees the lock that the page showed, and no other."""
    found = visible_deployment(request, deployment_id)
    if not signed_in(request).is_platform_admin:
        raise PermissionDenied("Only a platform admin frees the lock of a state.")
    lock = left_lock(found)
    if lock is None:
        messages.info(request, "The state is not locked, or the run that holds the lock is at work.")
        return redirect("deployments:deployment", found.pk)
    question = unlock_question(found, lock)
    if request.method != "POST":
        return render(request, "ui/confirm.html", question)
    try:
        services.force_unlock(
            deployment=found,
            actor=signed_in(request),
            reason=request.POST.get("reason", ""),
            lock_id=request.POST.get("lock_id", ""),
        )
    except Refused as refusal:
        return render(request, "ui/confirm.html", {**question, "error": refusal.message}, status=422)
    messages.success(request, "The lock is free.")
    return redirect("deployments:deployment", found.pk)
