"""The store behind Terraform's ``http`` state backend: authenticate, read, write, lock, unlock.

Every Terraform process gets its own password with a fencing number. Only the newest number of a deployment may lock,
write or unlock, so a process that was presumed dead cannot overwrite newer versions.
Protocol: https://developer.hashicorp.com/terraform/language/backend/http
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from cryptography.fernet import InvalidToken
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from deployments.deployment.models import Deployment
from deployments.runs.models import Run
from deployments.tfstate.models import BackendCredential, StateLock, StateVersion
from web.crypto import decrypt, encrypt

CREDENTIAL_LIFETIME = timedelta(hours=12)
MAX_ID = 2**63 - 1


class StateRefused(Exception):
    """The backend refuses the request. ``status`` is the HTTP status, ``body`` the response (423: the holder)."""

    def __init__(self, status: int, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body or {"message": message}


class StateUnreadable(Exception):
    """None of the keys in STATE_KEYS can decrypt this version."""


@dataclass(frozen=True)
class Password:
    """A password in plain text, for the worker that starts Terraform. It is not stored."""

    username: str
    value: str
    fencing: int

    def __repr__(self) -> str:
        return f"Password({self.username})"


def issue_credential(run: Run) -> Password:
    """Issue a password for the next Terraform process of ``run``, and revoke all older ones of its deployment.

    A lock of an older password is deleted: its holder can no longer write or unlock.
    """
    with transaction.atomic():
        Deployment.objects.filter(pk=run.deployment_id).update(fencing=F("fencing") + 1)
        fencing = Deployment.objects.values_list("fencing", flat=True).get(pk=run.deployment_id)
        StateLock.objects.filter(deployment_id=run.deployment_id, fencing__lt=fencing).delete()
        value = secrets.token_urlsafe(32)
        username = f"run-{run.pk}-{fencing}"
        BackendCredential.objects.create(
            deployment_id=run.deployment_id,
            run=run,
            fencing=fencing,
            username=username,
            digest=hashlib.sha256(value.encode()).hexdigest(),
            expires_at=timezone.now() + CREDENTIAL_LIFETIME,
        )
    return Password(username, value, fencing)


def authenticate(deployment_id: int, authorization: str) -> BackendCredential:
    """The credential of an HTTP Basic header. Raises StateRefused(401) unless it belongs to this deployment."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        username = password = ""
    digest = hashlib.sha256(password.encode()).hexdigest()
    if "\x00" in username or deployment_id > MAX_ID:
        username, deployment_id = "", 0
    credential = BackendCredential.objects.filter(deployment_id=deployment_id, username=username).first()
    known = credential.digest if credential else "0" * 64
    if not hmac.compare_digest(known, digest) or credential is None or scheme.lower() != "basic":
        raise StateRefused(401, "this credential is not known for this state")
    if credential.expires_at < timezone.now():
        raise StateRefused(401, "this credential has expired")
    return credential


def read(deployment_id: int) -> bytes | None:
    """The newest version, decrypted; None before the first write."""
    newest = StateVersion.objects.filter(deployment_id=deployment_id).first()
    return decrypt(newest.ciphertext) if newest else None


def content(version: StateVersion) -> dict[str, Any]:
    """One version, decrypted and decoded. Raises StateUnreadable if the key is missing."""
    try:
        return dict(orjson.loads(decrypt(version.ciphertext)))
    except InvalidToken:
        raise StateUnreadable(
            f"None of the configured keys can decrypt the state with serial {version.serial}."
        ) from None


def current_serial(deployment_id: int) -> int:
    """Terraform's serial of the newest version; 0 before the first write."""
    rows = StateVersion.objects.filter(deployment_id=deployment_id)
    return rows.values_list("serial", flat=True).first() or 0


def _locked_deployment(credential: BackendCredential) -> Deployment:
    """Lock the deployment's row until the transaction ends. Raises StateRefused(409) for an old credential."""
    deployment = Deployment.objects.select_for_update().get(pk=credential.deployment_id)
    if deployment.fencing != credential.fencing:
        raise StateRefused(409, f"a newer run took over: fencing {credential.fencing} < {deployment.fencing}")
    return deployment


def lock(credential: BackendCredential, info: dict[str, Any]) -> None:
    """Take the lock. Raises StateRefused(423) with the holder's info if it is taken."""
    try:
        with transaction.atomic():
            deployment = _locked_deployment(credential)
            StateLock.objects.create(
                deployment=deployment,
                run_id=credential.run_id,
                fencing=credential.fencing,
                lock_id=str(info.get("ID", "")),
                info=info,
            )
    except IntegrityError:
        holder = StateLock.objects.filter(deployment_id=credential.deployment_id).first()
        raise StateRefused(423, "the state is locked", holder.info if holder else {}) from None


def unlock(credential: BackendCredential, info: dict[str, Any]) -> None:
    """Free the lock if this credential took it. ``force-unlock`` sends no ID; then the fencing number decides."""
    lock_id = str(info.get("ID", ""))
    with transaction.atomic():
        _locked_deployment(credential)
        held = StateLock.objects.filter(deployment_id=credential.deployment_id, fencing=credential.fencing)
        if lock_id:
            held = held.filter(lock_id=lock_id)
        deleted, _ = held.delete()
    if not deleted:
        raise StateRefused(409, "this run does not hold the lock")


def write(credential: BackendCredential, body: bytes, *, lock_id: str, content_md5: str) -> None:
    """Store ``body`` as the newest version. Raises StateRefused if credential, lock or body are not valid."""
    if content_md5 and base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() != content_md5:
        raise StateRefused(400, "the body does not match its Content-MD5")
    try:
        state = orjson.loads(body)
        serial, lineage = int(state["serial"]), str(state["lineage"])
    except (ValueError, KeyError, TypeError, OverflowError):
        raise StateRefused(400, "the body is not a Terraform state") from None
    if not 0 <= serial <= MAX_ID or len(lineage) > 64 or "\x00" in lineage:
        raise StateRefused(400, "the body is not a Terraform state")
    with transaction.atomic():
        deployment = _locked_deployment(credential)
        if not StateLock.objects.filter(deployment=deployment, lock_id=lock_id, fencing=credential.fencing).exists():
            raise StateRefused(409, "this run does not hold the lock")
        newest = StateVersion.objects.filter(deployment=deployment).first()
        if newest and newest.lineage == lineage and serial < newest.serial:
            raise StateRefused(409, f"serial {serial} is older than {newest.serial}")
        StateVersion.objects.create(
            deployment=deployment,
            run_id=credential.run_id,
            fencing=credential.fencing,
            serial=serial,
            lineage=lineage,
            sha256=hashlib.sha256(body).hexdigest(),
            size_bytes=len(body),
            ciphertext=encrypt(body),
        )


def release_after_death(run: Run) -> bool:
    """Revoke the run's credential and free the lock that its Terraform left behind. True if there was a lock."""
    with transaction.atomic():
        Deployment.objects.filter(pk=run.deployment_id).update(fencing=F("fencing") + 1)
        deleted, _ = StateLock.objects.filter(deployment_id=run.deployment_id, run=run).delete()
    return bool(deleted)


def release_at_the_end(run: Run) -> None:
    """Free the lock of a run that has ended, if its Terraform did not."""
    if StateLock.objects.filter(run=run).exists():
        release_after_death(run)


def force_release(lock: StateLock) -> None:
    """Free a lock, whoever holds it. Call it in a transaction that has locked the deployment's row.

    Revokes all credentials, so that a Terraform process that still runs cannot write afterwards.
    """
    Deployment.objects.filter(pk=lock.deployment_id).update(fencing=F("fencing") + 1)
    StateLock.objects.filter(pk=lock.pk).delete()


def resource_addresses(deployment_id: int) -> list[str]:
    """Addresses of the managed resources in the newest version, for example module.endpoint.databricks_….this."""
    state = read(deployment_id)
    return [] if state is None else addresses_in(json.loads(state))


def addresses_in(state: Mapping[str, Any]) -> list[str]:
    """Addresses of the managed resources in a decoded tfstate."""
    return [
        ".".join(part for part in (item.get("module"), item["type"], item["name"]) if part)
        for item in state.get("resources", [])
        if item.get("mode") == "managed" and item.get("instances")
    ]
