"""The log-in page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpResponse

from accounts.signin.forms import ThrottledLogin
from accounts.signin.guard import WINDOW_S


class Login(LoginView):
    """Django's log-in with a limit on failures. Beyond it, the answer is 429 with Retry-After."""

    authentication_form = ThrottledLogin
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        if form.blocked:
            response.status_code = 429
            response.headers["Retry-After"] = str(WINDOW_S)
        return response
