"""The page of a user's API tokens."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts.people.permissions import signed_in
from accounts.tokens.forms import NewTokenForm
from accounts.tokens.models import AccessToken
from accounts.tokens.services import create_token, revoke_token
from web.views import show_errors


def _tokens_page(request: HttpRequest, form: NewTokenForm, plain_text: str = "", status: int = 200) -> HttpResponse:
    tokens = AccessToken.objects.filter(user=signed_in(request))
    context = {"tokens": tokens, "form": form, "plain_text": plain_text}
    return render(request, "accounts/tokens.html", context, status=status)


@login_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Your API tokens. Only the response to the POST that creates a token contains its plain text."""
    if request.method != "POST":
        return _tokens_page(request, NewTokenForm())
    form = NewTokenForm(request.POST)
    if not form.is_valid():
        return _tokens_page(request, form, status=400)
    try:
        _, plain_text = create_token(user=signed_in(request), **form.cleaned_data)
    except ValidationError as error:
        show_errors(form, error)
        return _tokens_page(request, form, status=400)
    return _tokens_page(request, NewTokenForm(), plain_text, status=201)


@login_required
@require_POST
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    token = get_object_or_404(AccessToken, pk=token_id, user=signed_in(request))
    revoke_token(user=signed_in(request), token=token)
    messages.success(request, f"Revoked {token.name}.")
    return redirect("accounts:tokens")
