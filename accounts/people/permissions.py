"""The user of a request, typed."""

from __future__ import annotations

from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from accounts.people.models import User


def user_of(request: Request) -> User:
    """The user of an API request. Raises NotAuthenticated if the request is anonymous."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def signed_in(request: HttpRequest) -> User:
    """The user of a request whose view has ``login_required``."""
    assert isinstance(request.user, User)
    return request.user
