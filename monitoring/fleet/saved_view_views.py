"""Pages that open, save, change and delete saved views."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from accounts.people.permissions import signed_in
from monitoring.fleet.forms import SavedViewForm
from monitoring.fleet.models import SavedView
from monitoring.fleet.saved_view_filters import choice_of, still_there
from monitoring.fleet.saved_view_presenters import fleet_url, in_words
from monitoring.fleet.saved_views import (
    ViewSettings,
    change_view,
    changeable,
    delete_view,
    may_change,
    save_view,
    view_named,
    views_of,
)
from web.errors import Invalid
from web.htmx import HtmxRequest

PAGE_SIZE = 25


@login_required
@require_safe
def fleet_views(request: HttpRequest) -> HttpResponse:
    """All views that the user can see, with descriptions of their queries."""
    user = signed_in(request)
    page = Paginator(views_of(user), PAGE_SIZE).get_page(request.GET.get("page"))
    found = list(page)
    mine = changeable(user, found)
    rows = [
        {
            "view": view,
            "words": in_words(view.query),
            "link": request.build_absolute_uri(reverse("monitoring:fleet_view", args=[view.pk])),
            "is_mine": view.owner_id == user.pk,
            "may_change": view.pk in mine,
        }
        for view in found
    ]
    return render(request, "monitoring/fleet_views.html", {"page": page, "rows": rows})


@login_required
@require_safe
def fleet_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Redirect to the fleet with the view's query. Filters that no longer exist are left out with a warning."""
    view = _found(request, view_id)
    query, gone = still_there(view.query, request)
    if gone:
        messages.warning(request, f"Some filters of {view} no longer exist and were left out: {', '.join(gone)}.")
    return redirect(fleet_url(query))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def fleet_view_new(request: HtmxRequest) -> HttpResponse:
    """Save the parameters of the fleet in this URL as a view."""
    user = signed_in(request)
    form = SavedViewForm(request.POST or None, user=user)
    try:
        query = choice_of(request.GET.dict(), request)
    except Invalid as invalid:
        # No page links to such a URL.
        messages.error(request, f"This cannot be saved as a view. {invalid.text}")
        return _go(request, reverse("monitoring:fleet_views"))
    if form.is_valid():
        try:
            view = _kept(form, query, user)
        except Invalid as invalid:
            form.offers_to_replace = view_named(user.pk, form.cleaned_data["name"]) is not None
            form.show(invalid)
        else:
            messages.success(request, f"View {view} saved.")
            return _go(request, fleet_url(query))
    return _form_page(request, form, query)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def fleet_view_edit(request: HttpRequest, view_id: int) -> HttpResponse:
    """Change the name, the team, and whether it is the default view."""
    user, view = signed_in(request), _found(request, view_id)
    if not may_change(user, view):
        raise PermissionDenied(f"Only {view.owner} or a team admin can change the view {view}.")
    form = SavedViewForm(request.POST or None, user=user, view=view)
    if form.is_valid():
        try:
            changed = change_view(view=view, settings=_asked(form, view.query, view), actor=user)
        except Invalid as invalid:
            form.show(invalid)
        else:
            messages.success(request, f"View {changed} saved.")
            return redirect("monitoring:fleet_views")
    status = 422 if form.errors else 200
    context = {"form": form, "view": view, "words": in_words(view.query)}
    return render(request, "monitoring/fleet_view_edit.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def fleet_view_delete(request: HttpRequest, view_id: int) -> HttpResponse:
    user, view = signed_in(request), _found(request, view_id)
    if request.method == "POST":
        delete_view(view=view, actor=user)
        messages.success(request, f"View {view} deleted.")
        return redirect("monitoring:fleet_views")
    if not may_change(user, view):
        raise PermissionDenied(f"Only {view.owner} or a team admin can delete the view {view}.")
    return render(request, "ui/confirm.html", _question(view))


def _found(request: HttpRequest, view_id: int) -> SavedView:
    view: SavedView = get_object_or_404(views_of(signed_in(request)), pk=view_id)
    return view


def _asked(form: SavedViewForm, query: dict[str, str], view: SavedView | None = None) -> ViewSettings:
    given = form.cleaned_data
    is_default = given.get("is_default", view.is_default if view else False)
    return ViewSettings(given["name"], query, given["team"], is_default)


def _kept(form: SavedViewForm, query: dict[str, str], user: User) -> SavedView:
    """The new view, or the one with the same name if the user chose to replace it. Raises Invalid."""
    settings = _asked(form, query)
    taken = view_named(user.pk, settings.name) if form.cleaned_data["replace"] else None
    if taken is not None:
        return change_view(view=taken, settings=settings, actor=user)
    return save_view(actor=user, settings=settings)


def _go(request: HtmxRequest, url: str) -> HttpResponse:
    return HttpResponseClientRedirect(url) if request.htmx else redirect(url)


def _form_page(request: HtmxRequest, form: SavedViewForm, query: dict[str, str]) -> HttpResponse:
    """The page, or for htmx the form alone, which the fleet shows above its table."""
    alone = bool(request.htmx)
    template = "monitoring/_fleet_view_form.html" if alone else "monitoring/fleet_view_new.html"
    context = {"form": form, "words": in_words(query), "fleet_url": fleet_url(query)}
    return render(request, template, context, status=422 if form.errors else 200)


def _question(view: SavedView) -> dict[str, Any]:
    shared = f" Members of {view.team} can no longer open it." if view.team else ""
    return {
        "id": "view-delete-dialog",
        "url": reverse("monitoring:fleet_view_delete", args=[view.pk]),
        "cancel_url": reverse("monitoring:fleet_views"),
        "title": f"Delete the view {view}?",
        "text": f"Links to it stop working. Deployments are not changed.{shared}",
        "confirm_label": "Delete view",
        "cancel_label": "Cancel",
    }
