"""Views of Terraform's ``http`` state backend, authenticated with HTTP Basic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from deployments.tfstate import store as statestore
from deployments.tfstate.models import BackendCredential
from deployments.tfstate.store import StateRefused


def _with_credential(
    view: Callable[[HttpRequest, BackendCredential], HttpResponse],
) -> Callable[[HttpRequest, int], HttpResponse]:
    """Authenticate the request, and turn refusals into responses that Terraform shows."""

    def wrapped(request: HttpRequest, deployment_id: int) -> HttpResponse:
        try:
            credential = statestore.authenticate(deployment_id, request.headers.get("Authorization", ""))
            response = view(request, credential)
        except StateRefused as refusal:
            response = JsonResponse(refusal.body, status=refusal.status)
            if refusal.status == 401:
                response["WWW-Authenticate"] = 'Basic realm="terraform state"'
        response["Cache-Control"] = "no-store"
        return response

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@_with_credential
def terraform_state(request: HttpRequest, credential: BackendCredential) -> HttpResponse:
    if request.method != "POST":
        body = statestore.read(credential.deployment_id)
        return HttpResponse(body, content_type="application/json") if body else HttpResponse(status=204)
    statestore.write(
        credential,
        request.body,
        lock_id=request.GET.get("ID", "").replace("\x00", ""),
        content_md5=request.headers.get("Content-MD5", ""),
    )
    return HttpResponse(status=200)


@require_http_methods(["POST", "DELETE"])
@_with_credential
def terraform_lock(request: HttpRequest, credential: BackendCredential) -> HttpResponse:
    info = _lock_info(request.body)
    if request.method == "POST":
        statestore.lock(credential, info)
    else:
        statestore.unlock(credential, info)
    return HttpResponse(status=200)


def _lock_info(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        info = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise StateRefused(400, "the lock info is not JSON") from None
    if b"\\u0000" in body or not isinstance(info, dict) or len(str(info.get("ID", ""))) > 64:
        raise StateRefused(400, "the lock info is not valid")
    return info
