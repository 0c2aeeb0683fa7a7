"""Shared by page views: show refusals and errors, ask for confirmation, send a YAML file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from web.errors import Invalid, Refused


def yaml_file(name: str, text: str) -> HttpResponse:
    """A YAML download. ``name`` is the name of an endpoint: letters, digits, - and _."""
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.yaml"'
    return response


def asked_again(request: HttpRequest, question: dict[str, Any], form: Form) -> HttpResponse:
    """The confirmation again, with the errors of ``form``. ``question`` is the context of ui/confirm.html."""
    texts = [str(text) for errors in form.errors.values() for text in errors]
    return render(request, "ui/confirm.html", {**question, "error": " ".join(texts)}, status=422)


Question = dict[str, Any]

GET_OR_POST = ["GET", "HEAD", "POST"]

T = TypeVar("T")


def attempt(request: HttpRequest, act: Callable[[], T]) -> T | None:
    """The result of ``act``; if it raises Refused or Invalid, None and a message on the next page."""
    try:
        return act()
    except Refused as refusal:
        messages.error(request, refusal.message)
    except Invalid as invalid:
        messages.error(request, invalid.text)
    return None
